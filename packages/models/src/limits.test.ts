import {
  type ConfiguredVariant,
  configure,
  groupedQuery,
  linear,
  slidingWindow,
} from '@headwise/attention-variants';
import { createStates } from '@headwise/kv-cache';
import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { type Blocks, block } from './block.ts';
import { llama } from './families/llama.ts';
import { readConfig } from './family.ts';
import { json } from './testing/checkpoint.ts';
import { tinyBlock, tinyDecoder } from './testing/tiny.ts';

const full = configure(groupedQuery, { Hkv: 2 });
const window = configure(slidingWindow, { window: 4 });
const wide = configure(slidingWindow, { window: 64 });
const constant = configure(linear);

/** One variant for each layer, in turn, without an encoding. */
function layers(...each: readonly ConfiguredVariant[]): Blocks {
  return (layer) => block({ ...tinyBlock, position: undefined, attention: each[layer % each.length]! });
}

const cases: readonly [string, Parameters<typeof tinyDecoder>[1], object, number][] = [
  ['full layers: the capacity', { blocks: layers(full), context: 24 }, { capacity: 8 }, 8],
  [
    'full layers: the context, where that is less',
    { blocks: layers(full), context: 24 },
    { capacity: 30 },
    24,
  ],
  ['windows: the context', { blocks: layers(window), context: 24 }, { capacity: 8 }, 24],
  [
    'windows without a context: none',
    { blocks: layers(window), context: undefined },
    { capacity: 8 },
    Infinity,
  ],
  [
    'a window as long as the capacity: none',
    { blocks: layers(window), context: undefined },
    { capacity: 4 },
    Infinity,
  ],
  ['a window longer than the capacity', { blocks: layers(wide), context: undefined }, { capacity: 8 }, 8],
  ['a window beside a full layer', { blocks: layers(window, full), context: undefined }, { capacity: 8 }, 8],
  ['a full layer beside a window', { blocks: layers(full, window), context: undefined }, { capacity: 8 }, 8],
  [
    'a window beside one that is too long',
    { blocks: layers(window, wide), context: undefined },
    { capacity: 8 },
    8,
  ],
  [
    'a recurrent layer beside a full one',
    { blocks: layers(constant, full), context: undefined },
    { capacity: 8 },
    8,
  ],
  [
    'a recurrent layer beside a window',
    { blocks: layers(constant, window), context: undefined },
    { capacity: 8 },
    Infinity,
  ],
  ['a limit of ones own', { blocks: layers(full), context: 24 }, { capacity: 8, limit: 5 }, 5],
];

it.each(cases)('how far a text may go: %s', (_, parts, options, limit) => {
  const decoder = tinyDecoder(createReference(), parts);
  const session = decoder.start(options);
  expect(session.limit).toBe(limit);
  const most = Math.min(limit, 40);
  for (let n = 0; n < most; n++) session.step([n % 20]).dispose();
  expect(session.length).toBe(most);
  if (limit === Infinity) return;
  expect(() => session.step([1])).toThrow('session: ids must be at most 0 tokens');
  expect(session.states.map(({ length }) => length)).toEqual(session.states.map(() => most));
});

it('a cache that fills up early refuses for all layers, and the session goes on', () => {
  const decoder = tinyDecoder(createReference(), {
    blocks: layers(window, full),
    context: undefined,
  });
  const session = decoder.start({
    capacity: 8,
    limit: 30,
    cache: (specs, options) => createStates(specs, options),
  });
  for (let n = 0; n < 8; n++) session.step([n]).dispose();
  for (let turn = 0; turn < 2; turn++) {
    expect(() => session.step([1])).toThrow(/append/);
    expect(session.states.map(({ length }) => length)).toEqual([8, 8]);
  }
  expect(session.length).toBe(8);
});

it('the context of a config is its last position: where angles change, a session reads the text again', () => {
  const contextOf = (config: object): number => readConfig(llama, config).config.context;
  const rope_parameters = {
    rope_type: 'longrope',
    factor: 2,
    original_max_position_embeddings: 16,
    short_factor: [1, 1],
    long_factor: [2, 2],
  };
  expect(contextOf({ ...json, rope_parameters })).toBe(32);
  expect(contextOf({ ...json, max_position_embeddings: 12, rope_parameters })).toBe(12);
  expect(contextOf(json)).toBe(32);
});
