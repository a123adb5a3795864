import { expect, it } from 'vitest';
import { beamSample, temperature } from '../index.ts';
import { allSequences, createMarkov } from '../testing/markov.ts';
import { chiSquare, tally } from '../testing/tools.ts';

const base = { prompt: [0], beams: 2, maxTokens: 4 };

it('gives the same sequences for the same seed, and others for another', async () => {
  const model = createMarkov(1, 8);
  const run = async (seed: number) => JSON.stringify(await beamSample(model.step, { ...base, seed }));
  expect(await run(1)).toBe(await run(1));
  expect(await run(1)).not.toBe(await run(2));
});

it('draws continuations without replacement from the joint distribution', async () => {
  // one beam, one token: of the two drawn the likelier goes on; P(i first kept) has a closed form
  const model = createMarkov(2, 4, 0.8);
  const p = model.logprobs(0).map(Math.exp);
  const better = (i: number, j: number) => (p[i]! > p[j]! ? i : j);
  const want = p.map(() => 0);
  p.forEach((first, i) => {
    p.forEach((second, j) => {
      if (i !== j) want[better(i, j)]! += (first * second) / (1 - first);
    });
  });
  const kept: number[] = [];
  for (let seed = 0; seed < 4000; seed++) {
    const [found] = await beamSample(model.step, { prompt: [0], beams: 1, maxTokens: 1, seed });
    kept.push(found!.ids[0]!);
  }
  // false-alarm rate 10⁻⁴ for fresh seeds, see chiSquare; the token that is never the better one has expectation 0
  const { statistic, limit } = chiSquare(
    tally(4000, () => kept.pop()!),
    want,
  );
  expect(statistic).toBeLessThan(limit);
});

it('when nearly cold, finds what beam search finds', async () => {
  const model = createMarkov(3, 4);
  const best = [...allSequences(model, 0, 4)].sort((a, b) => b.logprob - a.logprob)[0]!;
  const [found] = await beamSample(model.step, { ...base, beams: 64, filters: [temperature(0.01)], seed: 1 });
  expect(found!.ids).toEqual(best.ids);
});
