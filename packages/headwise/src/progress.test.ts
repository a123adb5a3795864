import { afterEach, expect, it, vi } from 'vitest';
import type { Io } from './io.ts';
import { progressOf, shortBytes } from './progress.ts';

afterEach(() => void vi.useRealTimers());

it('says nothing of a short load, and ten times a second how far a long one is', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const shown: string[] = [];
  const progress = progressOf({ status: (text) => void shown.push(text) } as Io, 'a/model\u001b[2J.gguf');
  const at = (ms: number, loaded: number): void => {
    vi.advanceTimersByTime(ms);
    progress.onProgress({ loaded, total: 4 * 1024 * 1024, tensor: 'x' });
  };
  at(100, 1024);
  at(300, 2048);
  expect(shown).toEqual([]);
  at(200, 1024 * 1024);
  at(50, 2 * 1024 * 1024);
  at(60, 3 * 1024 * 1024);
  progress.done();
  expect(shown).toEqual(['a/model\\u001b[2J.gguf: 25 % of 4 MB', 'a/model\\u001b[2J.gguf: 75 % of 4 MB', '']);
});

it('takes no line away that it has not written', () => {
  const progress = progressOf({ status: () => expect.unreachable() } as unknown as Io, 'model');
  progress.done();
});

it.each([
  [0, '0 bytes'],
  [1023, '1023 bytes'],
  [1536, '1.5 KB'],
  [150 * 1024, '150 KB'],
  [5 * 1024 ** 3, '5 GB'],
])('writes %d as %s', (bytes, want) => {
  expect(shortBytes(bytes)).toBe(want);
});
