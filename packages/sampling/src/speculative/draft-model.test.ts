import { expect, it } from 'vitest';
import { chain, createSampler, draftModel, draw, greedy, mirostat2, type Step } from '../index.ts';
import { createMarkov } from '../testing/markov.ts';

it('runs only what it has not seen, and the last token again after drafts were taken back', async () => {
  const model = createMarkov(1, 6);
  const calls: [position: number, ids: readonly number[]][] = [];
  const step: Step = (ids, { position }) => {
    calls.push([position, [...ids]]);
    return model.row(ids.at(-1)!);
  };
  const drafter = draftModel(step, createSampler(chain(greedy())));
  const [a, b] = (await drafter.propose([0, 1], 2, undefined)).map(({ id }) => id);
  expect(calls).toEqual([
    [0, [0, 1]],
    [2, [a]],
  ]);
  calls.length = 0;
  const other = (b! + 1) % 6;
  await drafter.propose([0, 1, a!, other], 1, undefined);
  expect(calls).toEqual([[3, [other]]]);
  calls.length = 0;
  await drafter.propose([0, 1], 1, undefined);
  expect(calls).toEqual([[1, [1]]]);
});

it('says which distribution each token was drawn from', async () => {
  const model = createMarkov(2, 5);
  const drafter = draftModel((ids) => model.row(ids.at(-1)!), createSampler(chain(draw()), { seed: 1 }));
  for (const { id, distribution } of await drafter.propose([3], 4, undefined)) {
    expect([...distribution!.ids]).toContain(id);
    expect(distribution!.probabilities.reduce((x, y) => x + y)).toBeCloseTo(1, 12);
  }
});

it('refuses rules that remember tokens', () => {
  expect(() => draftModel(() => new Float32Array(2), createSampler(chain(mirostat2())))).toThrow(
    'draft-model: mirostat-2 remembers tokens, which drafts take back; leave it out',
  );
});
