import { caches } from '@headwise/kv-cache/registry';
import { expect, it } from 'vitest';
import { runBenchmark } from '../run.ts';
import { disguised, tinyProfile, tinyRun } from '../testing/tiny.ts';
import { isTimed } from '../views.ts';

const profile = { ...tinyProfile, suites: ['cache'] as const, cache: { contexts: [16, 64] } };

it('gives every cache what it asks for, also one that evicts, and times them all', async () => {
  const results = await runBenchmark(tinyRun({ profile }));
  const reasons = results.rows.filter((row) => !isTimed(row)).map(({ id, reason }) => [id, reason]);
  expect(reasons).toEqual([]);
  const evicting = results.rows.filter(({ subject }) => subject === 'anchor-evicting');
  expect(evicting.map(({ phase, context }) => `${phase} ${context}`)).toEqual([
    'append 16',
    'append 64',
    'crop 16',
    'crop 64',
    'reorder 16',
    'reorder 64',
  ]);
  expect(evicting.every(({ check }) => check?.passed)).toBe(true);
});

it('checks what an evicting cache still shows: one that forgets too early or too late is wrong', async () => {
  for (const shift of [-1, 1]) {
    const spoiled = {
      ...caches['anchor-evicting'],
      create: (options: never) => {
        const { isAnchor, ...rest } = options as { isAnchor: (b: number, position: number) => boolean };
        const shifted = (b: number, position: number): boolean => isAnchor(b, position + shift);
        return caches['anchor-evicting'].create({ ...rest, isAnchor: shifted } as never);
      },
    };
    const results = await runBenchmark(
      tinyRun({ profile, caches: [caches.contiguous, spoiled], deviceSource: disguised({ main: {} }) }),
    );
    const wrong = results.rows.filter(({ subject }) => subject === 'anchor-evicting');
    expect(wrong.map(({ status }) => status)).toEqual(Array(6).fill('failed'));
    expect(wrong[0]!.reason).toMatch(/^attention over it differs from the reference/);
  }
});
