import { type AttentionVariant, configure } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import { kv } from '@headwise/kv-cache';
import { caches } from '@headwise/kv-cache/registry';
import {
  block,
  createDecoder,
  createRmsNorm,
  createSwiglu,
  type DecoderParts,
  decoderParameters,
  randomWeights,
} from '@headwise/models';
import { rotary } from '@headwise/positional';
import { createReference } from '@headwise/tensor';
import { realModels } from 'benchmarks';
import { expect, it } from 'vitest';
import { cacheEntries, keptBy, type RunModel, runCache } from './model.ts';
import type { CacheSetup, Run } from './picture.ts';
import { sizeModels, sizePicture } from './sizes.ts';
import { shownOptions, variantEntries } from './variants.ts';

const device = createReference();
const position = rotary();
const shape = { V: 24, E: 16, H: 4, D: 4, layers: 4 };

function modelOf(variant: string, given: Readonly<Record<string, unknown>>): RunModel {
  const all: Readonly<Record<string, AttentionVariant>> = variants;
  const attention = configure(all[variant]!, { ...shownOptions(variant), ...given });
  const norm = createRmsNorm();
  const blocks = block({ attention, position, norm, mlp: createSwiglu({ F: 24 }) });
  const parts: DecoderParts = { shape, blocks, norm };
  const weights = randomWeights(device, decoderParameters(parts));
  return { decoder: createDecoder({ ...parts, device, weights }), attention, position, weights: 'random' };
}

const setup: CacheSetup = {
  variant: 'grouped-query',
  options: { Hkv: 2 },
  cache: '',
  cacheOptions: {},
  prompt: 'abcdef',
  tokens: 20,
  seed: 7,
};
const options = {
  tokenizer: { encode: (text: string) => [...text].map((_, i) => 1 + i) },
  textOf: (id: number) => (id % 6 === 5 ? '.' : String.fromCharCode(96 + id)),
};
const play = async (changes: Partial<CacheSetup> = {}): Promise<Run> => {
  const all = { ...setup, ...changes };
  return runCache(modelOf(all.variant, all.options), all, options);
};

it('offers every variant that can decode, and every cache of the registry', () => {
  const decoding = Object.values(variants).filter((each) => !('needsSource' in each && each.needsSource));
  expect(variantEntries().map(({ name }) => name)).toEqual(decoding.map(({ name }) => name));
  expect(cacheEntries().map(({ name }) => name)).toEqual(
    Object.keys(caches).filter((name) => name !== 'shared'),
  );
});

it.each(variantEntries().map(({ name }) => name))(
  '%s: every byte is used as the formula says',
  async (variant) => {
    const run = await play({ variant, options: {} });
    expect(run.problem).toBeUndefined();
    expect(run.tokens).toHaveLength(20);
    const { attention } = modelOf(variant, {});
    const specs = Array.from({ length: 4 }, (_, layer) => attention.kv(shape, layer));
    for (const { states, length } of run.frames) {
      const used = states.reduce((sum, { bytes }) => sum + bytes.used, 0);
      expect(used).toBe(kv(specs).bytes({ tokens: length }));
      for (const { bytes, predicted, slots, evicted } of states) {
        expect(predicted.bytes).toBe(bytes.used);
        const held = slots.map(({ token }) => token).filter((token) => token >= 0);
        expect(new Set([...held, ...evicted]).size).toBe(held.length + evicted.length);
        if (slots.length > 0) expect(held.length + evicted.length).toBe(length);
      }
    }
  },
);

it('a ring wraps: slots hold the last W tokens, the newest outlined, those outside forgotten', async () => {
  const { frames } = await play({ variant: 'sliding-window', options: { window: 5, Hkv: 2 } });
  const { slots, evicted } = frames.at(-1)!.states[0]!;
  expect(slots).toHaveLength(5);
  for (const { token, position } of slots) expect(token).toBe(position);
  expect(slots.map(({ token }) => token)).toEqual([15, 16, 17, 18, 19]);
  expect(frames.at(-2)!.states[0]!.slots.map(({ token }) => token)).toEqual([15, 16, 17, 18, 14]);
  expect(slots.map(({ fresh }) => fresh)).toEqual([false, false, false, false, true]);
  expect(evicted).toEqual(Array.from({ length: 15 }, (_, i) => i));
});

it('what a step read is where its weights are, and they are those of the run', async () => {
  const run = await play({ variant: 'chunked', options: { chunk: 4, Hkv: 2 } });
  for (const { states, length } of run.frames) {
    const chunk = Math.floor((length - 1) / 4);
    for (const { slots } of states)
      for (const { token, read, weight } of slots) {
        if (token < 0) continue;
        expect(read).toBe(Math.floor(token / 4) === chunk);
        expect(weight! > 0).toBe(read);
      }
  }
});

it('layers that share say whose rows they read, and keep nothing', async () => {
  const { states } = (await play({ variant: 'cross-layer', options: {} })).frames.at(-1)!;
  expect(states.map(({ producer }) => producer)).toEqual([undefined, '0.self', undefined, '2.self']);
  expect(states[1]!.slots).toEqual([]);
  expect(states[1]!.predicted).toEqual({ bytes: 0, formula: '0 B: it reads 0.self' });
});

it('sinks stay, and a cache that counts anew says which tokens it holds', async () => {
  const sinks = { variant: 'sink-tokens', options: { sinks: 2, window: 4, Hkv: 2 } };
  const ring = (await play(sinks)).frames.at(-1)!.states[0]!;
  const streaming = (await play({ ...sinks, cache: 'sink-preserving' })).frames.at(-1)!.states[0]!;
  for (const { slots } of [ring, streaming])
    expect(slots.map(({ token }) => token).sort((a, b) => a - b)).toEqual([0, 1, 16, 17, 18, 19]);
  expect(ring.recounted).toBe(false);
  expect(streaming.recounted).toBe(true);
  expect(streaming.slots.map(({ position }) => position).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(ring.sinks).toBe(2);
});

it('pages: whole blocks are used, in the order of the table', async () => {
  const run = await play({ cache: 'paged', cacheOptions: { blockSize: 8 } });
  const { paging, bytes, predicted } = run.frames[8]!.states[0]!;
  expect(paging).toEqual({ blockSize: 8, table: [0, 1], blocks: 3 });
  expect(predicted.formula).toBe('2 blocks × 8 tokens × (k 2·4 + v 2·4) × 4 B = 1,024 B');
  expect(bytes.used).toBe(1024);
});

it.each([
  [{ bits: 8 }, '8 bit'],
  [{ bits: 4, group: 2, residual: 3, along: 'channel' }, '4 bit'],
])('packs the oldest tokens %o, and predicts to the byte', async (cacheOptions, words) => {
  const run = await play({ cache: 'quantized', cacheOptions });
  for (const { states, length } of run.frames) {
    const { slots, bytes, predicted } = states[0]!;
    const packed = slots.filter((slot) => slot.packed).map(({ token }) => token);
    expect(packed).toEqual(packed.map((_, token) => token));
    expect(packed.length).toBeLessThanOrEqual(length);
    expect(predicted.bytes).toBe(bytes.used);
    expect(predicted.formula).toContain(words);
  }
  expect(run.frames.at(-1)!.states[0]!.slots.some(({ packed }) => packed)).toBe(true);
});

it('anchors stay when their segment ends', async () => {
  const run = await play({ cache: 'anchor-evicting' });
  const { slots, evicted } = run.frames.at(-1)!.states[0]!;
  const held = slots.map(({ token }) => token).filter((token) => token >= 0);
  expect(evicted.length).toBeGreaterThan(0);
  const last = held.filter((token) => run.tokens[token] === '.').at(-1)!;
  for (const token of held) expect(run.tokens[token] === '.' || token > last).toBe(true);
  for (const token of evicted) expect(run.tokens[token]).not.toBe('.');
  for (const { states } of run.frames) expect(states[0]!.predicted.bytes).toBe(states[0]!.bytes.used);
});

it('linear attention keeps a state of constant size, drawn as it is', async () => {
  const run = await play({ variant: 'linear', options: {} });
  const [S, z] = run.frames.at(-1)!.states[0]!.constants;
  expect([S!.name, S!.rows, S!.columns, z!.rows, z!.columns]).toEqual(['S', 4, 4, 1, 4]);
  const sizes = run.frames.map(({ states }) => states[0]!.bytes.used);
  expect(new Set(sizes).size).toBe(1);
});

it('the same run twice is the same run', async () => {
  const [one, two] = [await play(), await play()];
  expect(one).toEqual(two);
});

it('gives up when it is told to, and says what is refused', async () => {
  const controller = new AbortController();
  const aborted = runCache(modelOf(setup.variant, setup.options), setup, {
    ...options,
    signal: controller.signal,
    onFrame: () => controller.abort(),
  });
  await expect(aborted).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  await expect(play({ cache: 'ringg' })).rejects.toThrow('must be one of contiguous');
  await expect(play({ cache: 'quantized', cacheOptions: { bits: 3 } })).rejects.toThrow(
    'bits must be 8 or 4',
  );
});

it('says what a variant keeps, to choose a cache', () => {
  const of = (variant: string) => keptBy(modelOf(variant, {}));
  expect(of('sliding-window')).toEqual(['window']);
  expect(of('cross-layer')).toEqual(['full', 'shared']);
  expect(of('multi-head-latent')).toEqual(['latent']);
});

it.each(sizeModels())(
  '%s: bytes of the published configuration, and of every variant in its shape',
  (name) => {
    const real = realModels.find((each) => each.name === name)!;
    const { lines, source } = sizePicture(name, 4096);
    expect(source).toBe(real.source);
    const [own] = lines;
    expect(own!.bytes).toBe(kv(real.kv).bytes({ tokens: 4096, dtype: 'f16' }));
    if (real.bytesPerToken) expect(own!.bytes).toBe(4096 * real.bytesPerToken);
    // gates and index keys stand beside keys and values
    const more = ['forgetting', 'indexed'];
    for (const { name: line, points, formula, bytes, less } of lines) {
      expect(points.map(([tokens]) => tokens)).toEqual(Array.from({ length: 13 }, (_, i) => 2 ** (8 + i)));
      expect(formula.endsWith(`= ${bytes.toLocaleString('en')} B`)).toBe(true);
      const least = bytes === 0 || line.split(', ').some((one) => more.includes(one)) ? 0 : 1;
      expect(less, line).toBeGreaterThanOrEqual(least);
    }
    const plain = lines.find(({ name: line }) => line.split(', ').includes('multi-head'))!;
    expect(plain.less).toBe(1);
    const { H, D, layers } = real.shape;
    expect(plain.points.at(-1)![1]).toBe(2 * 2 ** 20 * layers * 2 * H * D);
    const named = lines.slice(1).flatMap((line) => line.name.split(', '));
    expect(new Set(named).size).toBe(named.length);
  },
);
