import { readFileSync } from 'node:fs';
import {
  type ConfiguredVariant,
  chunked,
  configure,
  gatedDelta,
  groupedQuery,
  mixtureOfBlocks,
  nativeSparse,
  slidingWindow,
  tailSharing,
} from '@headwise/attention-variants';
import { kv } from '@headwise/kv-cache';
import { rotary } from '@headwise/positional';
import { createReference, type LayerSpec } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import figures from '../golden/kv-bytes.json' with { type: 'json' };
import { cacheOnce, everyFew, type Mixer, mixedBlocks } from './mixes.ts';
import { tinyBlock, tinyDecoder } from './testing/tiny.ts';

const position = rotary();
const full = { attention: configure(groupedQuery, { Hkv: 2 }), position };
const local = { attention: configure(slidingWindow, { window: 3, Hkv: 2 }), position };
const alike = (attention: ConfiguredVariant, layers: number): readonly Mixer[] =>
  Array<Mixer>(layers).fill({ attention, position });

const mixes: Readonly<Record<string, readonly Mixer[]>> = {
  'three recurrent layers and a full one': everyFew(4, {
    most: { attention: configure(gatedDelta, { kernel: 2 }) },
    last: full,
  }),
  'five windows and a full one': everyFew(7, { most: local, last: full, period: 6 }),
  'chunks with positions, everything without': everyFew(4, {
    most: { attention: configure(chunked, { chunk: 4 }), position },
    last: { attention: full.attention },
  }),
  'a cache of one layer': cacheOnce(5, { window: 3, Hkv: 2, position }),
  'a tail that shares by kind': alike(configure(tailSharing, { period: 3, tail: 3, window: 3, Hkv: 2 }), 6),
  'a mixture of blocks': alike(configure(mixtureOfBlocks, { block: 3, count: 2, Hkv: 2 }), 2),
  'means, blocks and a window': alike(
    configure(nativeSparse, { block: 2, count: 4, over: 4, every: 2, window: 3, Hkv: 2 }),
    2,
  ),
};
const ids = [3, 7, 1, 19, 4, 4, 11, 2, 9, 16, 5, 8, 13];

describe.each(Object.entries(mixes))('%s', (_, mix) => {
  const shape = { V: 20, E: 16, H: 4, D: 4, layers: mix.length };
  const decoder = () => tinyDecoder(createReference(), { shape, blocks: mixedBlocks(mix, tinyBlock) });

  it('decodes what one pass computes, beside a shorter text too, and after a step back', async () => {
    const model = decoder();
    using whole = model.start({ capacity: 16 });
    const want = await whole.forward(ids).data();
    const last = want.subarray((ids.length - 1) * 20);
    using session = model.start({ B: 2, capacity: 16 });
    session.step([ids.slice(0, 6), ids.slice(0, 3)]).dispose();
    session.step([ids.slice(6, 7), ids.slice(3, 4)]).dispose();
    for (let i = 7; i < ids.length - 1; i++) session.step([[ids[i]!], [ids[i - 3]!]]).dispose();
    const got = await session.step([[ids.at(-1)!], [ids.at(-4)!]]).data();
    assertClose(got.subarray(0, 20), last, { atol: 2e-5, rtol: 2e-4 });
    const earlier = want.subarray((ids.length - 4) * 20, (ids.length - 3) * 20);
    assertClose(got.subarray(20), earlier, { atol: 2e-5, rtol: 2e-4 });
    model.dispose();
  });
});

/** Numbers that the layers of a mix keep after so many tokens. */
function kept(mix: readonly Mixer[], shape: { H: number; D: number }, tokens: number): number {
  const layers = mix.length;
  const specs: readonly LayerSpec[] = mix.map(({ attention }, layer) =>
    attention.kv({ E: shape.H * shape.D, ...shape, layers }, layer),
  );
  return kv(specs).elements({ tokens });
}

/** The stacks of published models, as presets. */
const models = {
  'Gemma 3 27B': {
    shape: { H: 32, D: 128 },
    mix: everyFew(62, {
      most: { attention: configure(slidingWindow, { window: 1024, Hkv: 16 }) },
      last: { attention: configure(groupedQuery, { Hkv: 16 }) },
      period: 6,
    }),
  },
  'Gemma 3n E4B': {
    shape: { H: 8, D: 256 },
    mix: alike(configure(tailSharing, { period: 5, tail: 15, window: 512, Hkv: 2 }), 35),
  },
  'Llama 4 Scout': {
    shape: { H: 40, D: 128 },
    mix: everyFew(48, {
      most: { attention: configure(chunked, { chunk: 8192, Hkv: 8 }) },
      last: { attention: configure(groupedQuery, { Hkv: 8 }) },
    }),
  },
} as const;

it.each(Object.entries(models))('%s keeps as many numbers as its program', (name, { mix, shape }) => {
  const figure = figures.models[name as keyof typeof models];
  expect(mix).toHaveLength(figure.layer_types.length);
  for (const [tokens, numbers] of Object.entries(figure.numbers)) {
    // that program lets go of the token that the next query does not see; here it is overwritten by it
    const windows = figure.layer_types
      .slice(0, figure.layer_types.length - figure.shared)
      .filter((type) => type !== 'full_attention').length;
    const waiting = Number(tokens) >= figure.window ? windows * 2 * figure.kv_heads * figure.width : 0;
    expect(kept(mix, shape, Number(tokens)) - waiting).toBe(numbers);
  }
});

it('has these figures in its README', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const MiB = (numbers: number): string => String(Math.round((2 * numbers) / 2 ** 20));
  for (const [name, { mix, shape }] of Object.entries(models)) {
    const { kv_heads: Hkv } = figures.models[name as keyof typeof models];
    const plain = alike(configure(groupedQuery, { Hkv }), mix.length);
    const figure = [8192, 32_768].flatMap((tokens) => [kept(mix, shape, tokens), kept(plain, shape, tokens)]);
    expect(readme).toContain(`| ${figure.map(MiB).join(' | ')} |`);
    expect(readme).toContain(`| ${name} |`);
  }
});

it('keeps of a long text what the papers say', () => {
  // Kimi Linear: a quarter of the layers has a cache. YOCO: one layer has, beside windows
  const shape = { H: 16, D: 128 };
  const every = { attention: configure(groupedQuery, { Hkv: 16 }) };
  const all = kept(alike(every.attention, 32), shape, 1_048_576);
  const quarter = everyFew(32, {
    most: { attention: configure(gatedDelta) },
    last: every,
  });
  expect(kept(quarter, shape, 1_048_576) / all).toBeCloseTo(1 / 4, 2);
  expect(kept(cacheOnce(32, { window: 1024 }), shape, 1_048_576) / all).toBeCloseTo(1 / 32, 3);
});

it('names layers that are too few, and counts that are none', () => {
  expect(() => mixedBlocks([full], tinyBlock)(1)).toThrow('layers must be one for each layer of the model');
  expect(() => everyFew(4, { most: local, last: full, period: 0 })).toThrow(
    'period must be a whole number ≥ 1',
  );
  expect(() => everyFew(4, { most: local } as never)).toThrow('last must say what its layers attend with');
  expect(() => cacheOnce(1, { window: 4 })).toThrow('layers must be a whole number ≥ 2');
});
