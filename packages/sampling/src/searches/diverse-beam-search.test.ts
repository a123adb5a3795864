import { expect, it } from 'vitest';
import { beamSearch, diverseBeamSearch } from '../index.ts';
import { createMarkov } from '../testing/markov.ts';

const base = { prompt: [0], beams: 2, maxTokens: 4, lengthPenalty: 0 };

it('without diversity, every group is a beam search', async () => {
  const model = createMarkov(1, 6);
  const one = await beamSearch(model.step, base);
  const groups = await diverseBeamSearch(model.step, { ...base, groups: 3, diversity: 0 });
  expect(groups).toEqual([one, one, one]);
});

it('leaves the first group alone and drives the others away from it', async () => {
  const model = createMarkov(2, 6);
  const one = await beamSearch(model.step, { ...base, beams: 1 });
  const groups = await diverseBeamSearch(model.step, { ...base, beams: 1, groups: 4, diversity: 100 });
  expect(groups[0]).toEqual(one);
  for (let place = 0; place < 4; place++) {
    // so strong a penalty forbids the token that an earlier group took at the same place
    expect(new Set(groups.map((group) => group[0]!.ids[place])).size).toBe(4);
  }
});

it('takes the penalty from the score, not from the log-probability', async () => {
  const model = createMarkov(3, 3);
  const row = model.logprobs(0);
  const [, [second]] = (await diverseBeamSearch(model.step, {
    ...base,
    beams: 1,
    maxTokens: 1,
    groups: 2,
    diversity: 0.01,
  })) as unknown as [unknown, [{ ids: number[]; score: number; logprob: number }]];
  const best = row.indexOf(Math.max(...row));
  expect(second.ids).toEqual([best]);
  expect(second.logprob).toBeCloseTo(row[best]!, 6);
  expect(second.score).toBeCloseTo(row[best]! - 0.01, 6);
});

it('refuses no groups at all', async () => {
  await expect(diverseBeamSearch(createMarkov(1, 3).step, { ...base, groups: 0 })).rejects.toThrow(
    'diverse-beam-search: groups must be a whole number ≥ 1, got 0',
  );
});
