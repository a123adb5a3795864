import { describe, expect, it } from 'vitest';
import { type Choice, chain, createReplay, createSampler, topP } from '../index.ts';
import { chiSquare, descending, manyRows, normalRow, softmax, tally } from '../testing/tools.ts';
import { draw } from './draw.ts';
import { drawDescending } from './draw-descending.ts';
import { gumbelMax } from './gumbel-max.ts';
import { gumbelSoftmax } from './gumbel-softmax.ts';
import { gumbelStraightThrough } from './gumbel-straight-through.ts';

// What is common to all draws: their frequencies. See chiSquare for the false-alarm rate, 10⁻⁴ for a fresh seed.

const draws: readonly (readonly [name: string, create: () => Choice])[] = [
  ['draw', draw],
  ['drawDescending', drawDescending],
  ['gumbelMax', gumbelMax],
  ['gumbelSoftmax', () => gumbelSoftmax({ temperature: 0.5 })],
  ['gumbelStraightThrough', () => gumbelStraightThrough({ temperature: 3 })],
];

describe.each(draws)('%s', (_name, create) => {
  it.each([1, 2, 3])('has the frequencies of the softmax (seed %i)', (seed) => {
    const row = normalRow(seed, 40, 1.5);
    const sampler = createSampler(chain(create()), { seed });
    const { statistic, limit } = chiSquare(
      tally(20_000, () => sampler.sample(row)),
      softmax(row),
    );
    expect(statistic).toBeLessThan(limit);
  });

  it('has the frequencies of what a filter left, renormalised', () => {
    const row = [0.4, 0.3, 0.2, 0.1].map(Math.log);
    const sampler = createSampler(chain(topP(0.85), create()), { seed: 5 });
    const counts = tally(9000, () => sampler.sample(Float32Array.from(row)));
    const { statistic, limit } = chiSquare(counts, [4 / 9, 3 / 9, 2 / 9, 0]);
    expect(statistic).toBeLessThan(limit);
    expect(counts.get(3)).toBeUndefined();
  });
});

it('would notice draws from a slightly different distribution', () => {
  const row = normalRow(1, 40, 1.5);
  const sampler = createSampler(chain(draw()), { seed: 1 });
  const { statistic, limit } = chiSquare(
    tally(20_000, () => sampler.sample(row)),
    softmax(row.map((l) => l * 1.1)),
  );
  expect(statistic).toBeGreaterThan(limit);
});

it('both orders of the inverse distribution function equal adding up by hand', () => {
  for (const row of manyRows(21)) {
    const p = softmax(row);
    for (const u of [0, 0.1, 0.5, 0.93, 0.99999]) {
      const byHand = (order: readonly number[]) => {
        let sum = 0;
        return order.find((id) => (sum += p[id]!) > u) ?? order.at(-1);
      };
      const got = (choice: Choice) => createSampler(chain(choice), { random: createReplay([u]) }).sample(row);
      expect(got(draw())).toBe(byHand(p.map((_, id) => id)));
      expect(got(drawDescending())).toBe(byHand(descending(row)));
    }
  }
});
