import { expect, it } from 'vitest';
import { cacheEntries } from './cache/model.ts';
import { variantEntries } from './cache/variants.ts';
import { choicesOf } from './choices.ts';
import { encodingEntries } from './positions/model.ts';
import { samplingRules } from './sampling/model.ts';

const { filters, choices } = samplingRules();
const all = [...variantEntries(), ...cacheEntries(), ...encodingEntries(), ...filters, ...choices];
const words = all.flatMap(({ name, defaults, choices: found }) =>
  Object.entries(defaults)
    .filter(([, value]) => typeof value === 'string')
    .map(([option, value]) => ({ name, option, value, found: found[option] })),
);

it.each(words)('$name: $option can be chosen from a list', ({ value, found }) => {
  expect(found).toContain(value);
  expect(found!.length).toBeGreaterThan(1);
});

it('knows none where the refusal lists none', () => {
  const silent = () => {
    throw new Error('mine: order must be another, got "no-such-choice"');
  };
  expect(choicesOf({ order: 'up', n: 3 }, silent)).toEqual({});
});
