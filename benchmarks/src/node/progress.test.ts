import { expect, it } from 'vitest';
import { createProgress } from './progress.ts';

const collect = (extra: object = {}) => {
  const written: string[] = [];
  return { written, stream: { write: (text: string) => written.push(text), ...extra } };
};

it('draws one line over and over on a terminal, never wider than it', () => {
  const { written, stream } = collect({ isTTY: true, columns: 50 });
  const progress = createProgress(stream);
  progress.show({ stage: 'check', label: 'a variant on a device: prefill 64', done: 0.25, leftMs: 60_000 });
  progress.show({ stage: 'time', label: 'decode 4k, round 7', done: 0.5, leftMs: 48_000 });
  progress.end();
  expect(written).toEqual([
    '\r\x1b[2K█████░░░░░░░░░░░░░░░ checking · then 1 min 0 s o…',
    '\r\x1b[2K██████████░░░░░░░░░░ timing · 48 s left · decode…',
    '\r\x1b[2K',
  ]);
});

it('writes a line at each stage and every few seconds elsewhere', () => {
  const { written, stream } = collect();
  let clock = 0;
  const progress = createProgress(stream, () => clock);
  const show = (stage: 'check' | 'time', label: string) => progress.show({ stage, label, done: 0 });
  show('check', 'a');
  show('check', 'b');
  show('time', 'c');
  clock = 4000;
  show('time', 'd');
  clock = 5001;
  show('time', 'e');
  clock = 11_000;
  progress.show({ stage: 'time', label: 'prefill 2k', done: 1, leftMs: 0 });
  progress.end();
  expect(written.pop()).toContain('timing · time is up, every row still gets its least samples · prefill 2k');
  expect(written.map((line) => line.trim().at(-1))).toEqual(['a', 'c', 'e']);
});
