import { describe, expect, it } from 'vitest';
import {
  constrain,
  createReplay,
  createSampler,
  type LlamaCppSettings,
  llamaCpp,
  type MirostatState,
  regexMatcher,
} from '../index.ts';
import { chiSquare, tally } from '../testing/tools.ts';

const names = (settings: LlamaCppSettings) => {
  const { filters, choice } = llamaCpp(settings);
  return [...filters, choice].map(({ name }) => name);
};

it('has llama.cpp’s defaults: top-k 40, top-p 0.95, min-p 0.05, and temperature 0.8 last', () => {
  const { filters, choice } = llamaCpp();
  expect(filters.map(({ name, options }) => [name, Object.values(options)[0]])).toEqual([
    ['top-k', 40],
    ['top-p', 0.95],
    ['min-p', 0.05],
    ['temperature', 0.8],
  ]);
  expect(choice.name).toBe('draw-descending');
});

it('has the order of llama.cpp', () => {
  expect(
    names({
      temperature: 1,
      dynatempRange: 0.5,
      xtcProbability: 0.5,
      minP: 0.1,
      topP: 0.9,
      typicalP: 0.9,
      topK: 5,
      topNSigma: 1,
      dryMultiplier: 0.8,
      presencePenalty: 0.1,
      frequencyPenalty: 0.1,
      repeatPenalty: 1.1,
      logitBias: { 1: 2 },
    }),
  ).toEqual([
    'logit-bias',
    'repetition-penalty',
    'frequency-penalty',
    'presence-penalty',
    'dry',
    'top-n-sigma',
    'top-k',
    'typical',
    'top-p',
    'min-p',
    'xtc',
    'dynamic-temperature',
    'draw-descending',
  ]);
});

it('counts the last 64 tokens of prompt and output, or all for −1', () => {
  const options = (settings: LlamaCppSettings) => llamaCpp(settings).filters[0]!.options;
  expect(options({ repeatPenalty: 1.1 })).toMatchObject({ penalty: 1.1, lastTokens: 64, scope: 'all' });
  expect(options({ repeatPenalty: 1.1, repeatLastN: -1 })).toMatchObject({ lastTokens: Infinity });
  expect(options({ dryMultiplier: 1, dryPenaltyLastN: -1 })).toMatchObject({ lastTokens: Infinity });
});

const off = { topK: 0, topP: 1, minP: 0 };
const logits = (...p: number[]) => Float32Array.from(p, Math.log);
const kept = (settings: LlamaCppSettings, row: Float32Array) => [
  ...createSampler(llamaCpp(settings), { seed: 1 }).distribution(row).ids,
];

it('keeps the chain at temperature 0, since XTC and typical can remove the best token', () => {
  const cutoffs = ['top-k', 'top-p', 'min-p'];
  expect(names({ temperature: 0 })).toEqual([...cutoffs, 'greedy']);
  expect(names({ temperature: -1, xtcProbability: 0.5 })).toEqual([...cutoffs, 'xtc', 'greedy']);
  // p .5 .3 .2: with XTC certain, all three are likely and the least of them is left
  const certain = { ...off, temperature: 0, xtcProbability: 1 };
  expect(kept(certain, logits(0.5, 0.3, 0.2))).toEqual([2]);
  expect(kept({ ...certain, topK: 2 }, logits(0.5, 0.3, 0.2))).toEqual([1]);
  const flat = logits(0.4, ...Array<number>(12).fill(0.05));
  expect(kept({ ...off, temperature: 0, typicalP: 0.3 }, flat)).toEqual([1]);
});

it('spreads a dynamic temperature around 0 too', () => {
  expect(llamaCpp({ ...off, temperature: 0, dynatempRange: 0.5 }).filters.at(-1)!.options).toEqual({
    minimum: 0,
    maximum: 0.5,
    exponent: 1,
  });
});

// node-llama-cpp 3.22.1 keeps these ids of a model with these logits, at temperature 1
it.each([
  [2, [3, 5, 3, 3, 1], [0, 1]],
  [2, [3, 3, 5, 3], [0, 2]],
  [2, [3, 3, 3, 3], [0, 1]],
  [3, [3, 3, 3, 3], [0, 1, 2]],
  [9, [1, 2], [0, 1]],
])('keeps exactly %i of %j: ids %j', (topK, row, ids) => {
  expect(kept({ ...off, topK }, Float32Array.from(row))).toEqual(ids);
});

it('cuts ties in typical as well', () => {
  // four equally likely tokens are equally typical; the sum exceeds .3 with the second, and .5 with the third
  const even = logits(0.25, 0.25, 0.25, 0.25);
  expect(kept({ ...off, typicalP: 0.3 }, even)).toEqual([0, 1]);
  expect(kept({ ...off, typicalP: 0.5 }, even)).toEqual([0, 1, 2]);
});

it('leaves penalties and cutoffs out where Mirostat runs, and heats plainly', () => {
  const penalties = { repeatPenalty: 1.1, dryMultiplier: 1, frequencyPenalty: 1, xtcProbability: 1 };
  expect(names({ mirostat: 1, ...penalties })).toEqual(['temperature', 'mirostat-1']);
  expect(names({ mirostat: 2, topK: 3, dynatempRange: 0.5, logitBias: { 1: 1 } })).toEqual([
    'logit-bias',
    'temperature',
    'mirostat-2',
  ]);
  expect(names({ mirostat: 2, temperature: 0, xtcProbability: 1 })).toEqual(['greedy']);
  expect(() => llamaCpp({ mirostat: 3 as 2 })).toThrow('llama-cpp: mirostat must be 0, 1 or 2, got 3');
});

describe('a grammar', () => {
  // p .5 .3 .2, the first forbidden, top-k 2: drawn from .625 .375, and where 0 came again from .6 .4
  const row = logits(0.5, 0.3, 0.2);
  const grammar = () => constrain(regexMatcher('[bc]*'), { pieces: ['a', 'b', 'c'] });
  const settings = () => ({ ...off, temperature: 1, topK: 2, constraint: grammar() });

  it('is asked about the drawn token, and goes first in a second draw: .75 and .25', () => {
    const sampler = createSampler(llamaCpp(settings()), { seed: 4 });
    const { ids, probabilities } = sampler.distribution(row);
    expect([...ids]).toEqual([1, 2]);
    expect(probabilities[0]).toBeCloseTo(0.75, 6);
    expect(probabilities[1]).toBeCloseTo(0.25, 6);
    const { statistic, limit } = chiSquare(
      tally(4000, () => sampler.sample(row)),
      [0, 0.75, 0.25],
    );
    expect(statistic).toBeLessThan(limit);
  });

  it('shows both draws', () => {
    const sampler = createSampler(llamaCpp(settings()), { random: createReplay([0.6, 0.7]) });
    const { refused, stages, choice } = sampler.explain(row);
    expect(refused).toMatchObject({ choice: { id: 0, uniforms: [0.6] }, stages: [{ name: 'top-k' }, {}] });
    expect(stages.map(({ name }) => name)).toEqual(['constrain', 'top-k', 'temperature']);
    expect([...stages[0]!.removed]).toEqual([0]);
    expect(choice).toMatchObject({ id: 2, uniforms: [0.7] });
    const first = createSampler(llamaCpp(settings()), { random: createReplay([0.7]) }).explain(row);
    expect(first.refused).toBeUndefined();
    expect(first.stages.map(({ name }) => name)).toEqual(['top-k', 'temperature']);
    expect(first.choice.id).toBe(1);
  });

  it('follows the text, ends the run, and is part of the state', () => {
    const yes = constrain(regexMatcher('ab'), { pieces: ['a', 'b', 'c'] });
    const sampler = createSampler(llamaCpp({ ...off, constraint: yes }), { seed: 1 });
    const ids = [sampler.sample(row)];
    const copies = [sampler.clone(), createSampler(sampler.chain, { state: sampler.state() })];
    ids.push(sampler.sample(row));
    expect(ids).toEqual([0, 1]);
    expect(sampler.finished).toBe(true);
    for (const copy of copies) expect(copy.sample(row)).toBe(1);
  });

  it('moves Mirostat with both draws, as there', () => {
    const constraint = grammar();
    const sampler = createSampler(llamaCpp({ mirostat: 2, temperature: 1, constraint }), {
      random: createReplay([0, 0]),
    });
    const { refused, choice } = sampler.explain(row);
    const first = refused!.choice.state as MirostatState;
    expect(refused!.choice.id).toBe(0);
    expect(choice.id).toBe(1);
    expect(first.mu).toBeCloseTo(10 - 0.1 * (1 - 5), 6);
    expect((choice.state as MirostatState).mu).toBeCloseTo(first.mu - 0.1 * (-Math.log2(0.6) - 5), 6);
  });
});

it('adds no rule for a setting that is off', () => {
  const none = { ...off, typicalP: 1, topNSigma: -1, xtcProbability: 0, dryMultiplier: 0 };
  expect(names({ ...none, repeatPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 })).toEqual([
    'temperature',
    'draw-descending',
  ]);
});
