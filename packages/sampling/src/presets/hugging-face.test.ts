import { expect, it } from 'vitest';
import {
  constrain,
  createSampler,
  type HuggingFaceSettings,
  huggingFace,
  regexMatcher,
  temperature,
} from '../index.ts';
import { normalRow, softmax } from '../testing/tools.ts';

const names = (settings: HuggingFaceSettings) => {
  const { filters, choice } = huggingFace(settings);
  return [...filters, choice].map(({ name }) => name);
};

it('takes the best token unless told to sample, as do_sample does', () => {
  expect(names({})).toEqual(['greedy']);
  expect(names({ temperature: 0.5, topK: 3 })).toEqual(['greedy']);
  expect(names({ doSample: true })).toEqual(['top-k', 'draw']);
  expect(huggingFace({ doSample: true }).filters[0]!.options).toMatchObject({ k: 50 });
});

it('has the order of transformers, temperature before the cutoffs', () => {
  const constraint = constrain(regexMatcher('a'), { pieces: ['a'] });
  const custom = [temperature(1)];
  expect(
    names({
      doSample: true,
      etaCutoff: 0.1,
      epsilonCutoff: 0.1,
      typicalP: 0.9,
      minP: 0.1,
      topP: 0.9,
      topK: 9,
      topH: 0.5,
      temperature: 0.7,
      custom,
      beginSuppressTokens: [1],
      suppressTokens: [2],
      exponentialDecayLengthPenalty: [5, 1.1],
      forcedTokens: { 0: 3 },
      constraint,
      minNewTokens: 2,
      eosTokenIds: [0],
      badWordsIds: [[4]],
      noRepeatNgramSize: 3,
      repetitionPenalty: 1.2,
      logitBias: { 3: 1 },
      guidanceScale: 1.5,
    }),
  ).toEqual([
    'classifier-free-guidance',
    'logit-bias',
    'repetition-penalty',
    'no-repeat-ngram',
    'bad-words',
    'minimum-length',
    'constrain',
    'forced-tokens',
    'length-decay',
    'suppressed-tokens',
    'suppressed-at-start',
    'temperature',
    'temperature',
    'top-h',
    'top-k',
    'top-p',
    'min-p',
    'typical',
    'epsilon',
    'eta',
    'draw',
  ]);
});

it('adds no rule for a setting that changes nothing', () => {
  const neutral = { temperature: 1, topK: 0, topP: 1, minP: 0, typicalP: 1, epsilonCutoff: 0, etaCutoff: 0 };
  const penalties = { repetitionPenalty: 1, noRepeatNgramSize: 0, guidanceScale: 1, minNewTokens: 0 };
  expect(names({ doSample: true, ...neutral, ...penalties })).toEqual(['draw']);
});

it('draws from the distribution the order defines', () => {
  const { ids } = createSampler(huggingFace({ doSample: true, temperature: 2, topK: 20, topP: 0.8 }), {
    seed: 1,
  }).distribution(normalRow(1, 100));
  expect(ids.length).toBeLessThan(20);
  expect(ids.length).toBeGreaterThan(3);
});

/** `TopPLogitsWarper` of transformers 4.57.6, line by line: a stable sort upwards, and what is summed to 1 − p goes. */
function warped(row: Float32Array, p: number): number[] {
  const order = Array.from(row, (_, id) => id).sort((a, b) => row[a]! - row[b]! || a - b);
  const probabilities = softmax(order.map((id) => row[id]!));
  let sum = 0;
  const removed = order.filter((_, i) => {
    sum += probabilities[i]!;
    return sum <= 1 - p && i < order.length - 1;
  });
  return order.filter((id) => !removed.includes(id)).sort((a, b) => a - b);
}

it('keeps the tied tokens that transformers keeps', () => {
  const kept = (row: Float32Array, topP: number) => [
    ...createSampler(huggingFace({ doSample: true, topK: 0, topP }), { seed: 1 }).distribution(row).ids,
  ];
  expect(kept(Float32Array.from([0.5, 0.25, 0.25], Math.log), 0.75)).toEqual([0, 2]);
  for (let seed = 0; seed < 60; seed++) {
    const row = normalRow(seed, 40, 1, 1);
    // between two sums, where rounding decides nothing
    const p = 0.31 + 0.011 * seed;
    expect(kept(row, p)).toEqual(warped(row, p));
  }
});

it('refuses what the rules refuse', () => {
  expect(() => huggingFace({ doSample: true, topP: 1.2 })).toThrow(
    'top-p: p must be a number in (0, 1], got 1.2',
  );
});
