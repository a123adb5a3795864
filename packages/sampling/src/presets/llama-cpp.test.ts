import { expect, it } from 'vitest';
import { constrain, type LlamaCppSettings, llamaCpp, regexMatcher } from '../index.ts';

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
      constraint: constrain(regexMatcher('a'), { pieces: ['a'] }),
    }),
  ).toEqual([
    'constrain',
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

it('is greedy at temperature 0, and lets Mirostat replace the cutoffs', () => {
  expect(names({ temperature: 0 })).toEqual(['greedy']);
  expect(names({ mirostat: 1 })).toEqual(['temperature', 'mirostat-1']);
  expect(names({ mirostat: 2, topK: 3, temperature: 1 })).toEqual(['temperature', 'mirostat-2']);
});

it('adds no rule for a setting that is off', () => {
  const off = { topK: 0, topP: 1, minP: 0, typicalP: 1, topNSigma: -1, xtcProbability: 0, dryMultiplier: 0 };
  expect(names({ ...off, repeatPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 })).toEqual([
    'temperature',
    'draw-descending',
  ]);
});
