import {
  type ConfiguredVariant,
  configure,
  groupedQuery,
  multiHead,
  multiHeadLatent,
  multiQuery,
  sinkTokens,
  slidingWindow,
  softCapped,
} from '@headwise/attention-variants';
import { createWasm } from '@headwise/device-wasm';
import { bytesOfStates, type Cache, createContiguous, createStates, kv } from '@headwise/kv-cache';
import { createLatent } from '@headwise/kv-cache/caches/latent';
import { createRing } from '@headwise/kv-cache/caches/ring';
import { type CacheSubject, checkCache, plainSpec } from '@headwise/kv-cache/conformance';
import {
  block,
  createDecoder,
  createRmsNorm,
  createSwiglu,
  decoderParameters,
  randomWeights,
} from '@headwise/models';
import { rotary } from '@headwise/positional';
import { type RowFormat, rowFormats, scope, type Tensor, zeros, zerosIn } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';

/** The most that a number of a group between −1 and 1 is off. */
const bound: Record<RowFormat, number> = {
  f16: 2 ** -12,
  bf16: 2 ** -9,
  Q8_0: 0.54 / 127,
  Q4_0: 1.01 / 8,
  Q4_1: 1.02 / 15,
};

const windowed = { ...plainSpec, kind: 'window', cap: 5 } as const;
const withSinks = { ...plainSpec, kind: 'window', cap: 7, sinks: 3 } as const;

function subjectsIn(format: RowFormat): Record<string, CacheSubject> {
  const lossy = { bound: bound[format], steps: 60, device: () => createWasm({ threads: 2 }) };
  return {
    contiguous: { ...lossy, create: (options) => createContiguous({ ...options, format }) },
    latent: {
      ...lossy,
      create: (options) => createLatent({ ...options, format }),
      spec: { ...plainSpec, kind: 'latent', rows: { latent: [7] } },
    },
    ring: {
      ...lossy,
      create: (options) => createRing({ ...options, format }),
      spec: withSinks,
      capacity: 7,
      endless: true,
      cropsBack: 1,
    },
    'ring with slack': {
      ...lossy,
      create: (options) => createRing({ ...options, format }),
      spec: windowed,
      capacity: 9,
      endless: true,
      cropsBack: 5,
    },
  };
}

describe('on the wasm device', () => {
  for (const format of rowFormats) {
    for (const [name, subject] of Object.entries(subjectsIn(format)))
      checkCache(`${format}: ${name}`, subject);
  }
});

/** The same cache in f32, which is given the rounded rows. */
function spelled(cache: Cache, format: RowFormat): Cache {
  const append = cache.append.bind(cache);
  const rounded = (row: Tensor): Tensor => {
    const few = zerosIn(row.device, row.shape, format);
    const plain = zeros(row.device, row.shape);
    few.write(0, row);
    plain.write(0, few);
    return plain;
  };
  cache.append = (rows, at) =>
    scope(() => {
      const view = append(
        Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, rounded(row)])),
        at,
      );
      return view;
    });
  return cache;
}

const variants: Readonly<Record<string, ConfiguredVariant>> = {
  'multi-head': configure(multiHead),
  'grouped-query': configure(groupedQuery, { Hkv: 2 }),
  'multi-query': configure(multiQuery),
  'multi-head latent': configure(multiHeadLatent, { latent: 64, rope: 32 }),
  'sliding-window': configure(slidingWindow, { window: 6 }),
  'sink-tokens': configure(sinkTokens),
  'soft-capped': configure(softCapped),
};

it.each(Object.entries(variants))('%s runs over rows in fewer bits, unchanged', async (_, attention) => {
  const device = await createWasm({ threads: 2 });
  const parts = {
    // one layer: in a second one, rows that differ in the last bit may round to different numbers
    shape: { V: 20, E: 64, H: 4, D: 32, layers: 1 },
    blocks: block({
      attention,
      position: rotary(),
      norm: createRmsNorm(),
      mlp: createSwiglu({ F: 96 }),
    }),
    norm: createRmsNorm(),
    context: 48,
  };
  const decoder = createDecoder({
    ...parts,
    device,
    weights: randomWeights(device, decoderParameters(parts)),
  });
  for (const format of rowFormats) {
    const made: Cache[][] = [];
    const sessions = [format, undefined].map((kept) =>
      decoder.start({
        cache: (specs, options) => {
          const states = createStates(specs, { ...options, ...(kept && { format: kept }) });
          made.push(states);
          return kept ? states : states.map((state) => spelled(state, format));
        },
      }),
    );
    const [few, many] = made.map((states) => bytesOfStates(states).full) as [number, number];
    expect(few / many).toBeLessThan(format === 'f16' || format === 'bf16' ? 0.51 : 0.45);
    for (const ids of [
      [1, 2, 3, 4, 5, 6, 7],
      [8],
      [9],
      [3, 1],
      ...Array.from({ length: 12 }, (_, n) => [n]),
    ]) {
      const [got, want] = sessions.map((session) => session.step(ids)) as [Tensor, Tensor];
      assertClose(await got.data(), await want.data(), { atol: 2e-5, rtol: 2e-5 });
      for (const logits of [got, want]) logits.dispose();
    }
    for (const session of sessions) session.dispose();
  }
  device.dispose();
});

it('allocates what kv() computes', async () => {
  const device = await createWasm({ threads: 1 });
  const specs = [plainSpec, plainSpec];
  const before = device.memory.liveBytes;
  const states = createStates(specs, { device, B: 3, capacity: 40, format: 'Q4_0' });
  expect(device.memory.liveBytes - before).toBe(kv(specs).bytes({ tokens: 40, B: 3, dtype: 'Q4_0' }));
  const mixed = createStates(specs, { device, B: 1, capacity: 40, format: { k: 'Q8_0' } });
  expect(bytesOfStates(mixed).full).toBe(2 * 40 * (2 * 34 + 4 * 8));
  device.dispose();
  expect(states).toHaveLength(2);
});
