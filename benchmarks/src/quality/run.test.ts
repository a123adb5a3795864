import { variants } from '@headwise/attention-variants/registry';
import { expect, it } from 'vitest';
import { profiles } from '../profiles.ts';
import type { CellStore } from '../sweep.ts';
import { disguised } from '../testing/tiny.ts';
import type { QualityCell } from './contract.ts';
import { type QualityOptions, runQuality } from './run.ts';
import { littleStories } from './stories.ts';

const nowhere: CellStore<QualityCell> = { read: () => undefined, write: () => {} };

const options = (
  more: Partial<QualityOptions['profile']> = {},
  rest: Partial<QualityOptions> = {},
): QualityOptions => ({
  profile: {
    ...profiles.ci.quality,
    shape: { E: 8, H: 2, D: 4, layers: 2 },
    hidden: 12,
    T: 8,
    steps: 2,
    warmup: 1,
    seeds: [1],
    checked: 20,
    storyBytes: 600,
    ...more,
  },
  registry: variants,
  device: 'main',
  deviceSource: disguised({ main: {} }),
  store: () => nowhere,
  machine: 'test',
  clock: { now: () => 0, stepMs: 1 },
  ...rest,
});

it('a variant that diverges has a row that says so, and the rest goes on', async () => {
  const { cells } = await runQuality(options({ rate: 1e200, steps: 6 }));
  expect(cells.map(({ subject, status }) => [subject, status])).toEqual([
    ['multi-head', 'diverged'],
    ['multi-query', 'diverged'],
  ]);
  expect(cells[0]!.reason).toMatch(/step \d/);
  expect(cells[0]!.nats).toBeUndefined();
});

it('every variant of the registry is trained, or says why not', async () => {
  const names = Object.keys(variants);
  const { cells, plan } = await runQuality(options({}, { names }));
  expect(plan).toHaveLength(names.length);
  const refused: Readonly<Record<string, string>> = {
    'cross-attention': 'from a source',
    'prefix-lm': 'would read the answer',
  };
  for (const cell of cells)
    if (refused[cell.subject])
      expect(cell).toMatchObject({
        status: 'unsupported',
        reason: expect.stringContaining(refused[cell.subject]!),
      });
    else
      expect(cell, `${cell.subject}: ${cell.reason}`).toMatchObject({
        status: 'ok',
        nats: expect.any(Number),
      });
}, 600_000);

it('equal parameters are equal to within one unit of the feed-forward; equal compute changes the steps', async () => {
  const { cells } = await runQuality(
    options(
      { steps: 40, T: 16 },
      { comparisons: ['equal-parameters', 'equal-compute'], names: ['multi-head', 'linear', 'multi-query'] },
    ),
  );
  const by = (subject: string, comparison: string): QualityCell =>
    cells.find((cell) => cell.subject === subject && cell.comparison === comparison)!;
  const base = by('multi-head', 'equal-parameters');
  // a unit is a column of gate and up and a row of down, in each of two layers
  for (const cell of cells)
    expect(Math.abs(cell.parameters! - base.parameters!)).toBeLessThanOrEqual((3 * 8 * 2) / 2);
  expect(by('multi-head', 'equal-compute')).toBeUndefined();
  const linear = by('linear', 'equal-compute');
  expect(linear.steps! * linear.flopsPerToken!).toBeGreaterThan(0.95 * base.steps! * base.flopsPerToken!);
  expect(linear.steps! * linear.flopsPerToken!).toBeLessThan(1.05 * base.steps! * base.flopsPerToken!);
}, 600_000);

it('stories are the same for a seed, and as long as asked for', () => {
  expect(littleStories(5000)).toBe(littleStories(5000));
  expect(littleStories(5000, 2)).not.toBe(littleStories(5000));
  expect(littleStories(5000).length).toBeGreaterThanOrEqual(5000);
});
