import { createDevice, createReference, type Device, tensor } from '@headwise/tensor';
import { assertClose, seeded, seededValues, withoutKernels } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { checkCache, plainSpec } from '../conformance/index.ts';
import { createStates, createWorkspace, kv } from '../index.ts';
import { packingBound } from '../packing/layout.ts';
import { packOp } from '../packing/pack.ts';
import { unpackOp } from '../packing/unpack.ts';
import { subjects } from '../testing/subjects.ts';
import { createQuantized, type QuantizedOptions } from './quantized.ts';

checkCache('quantized to 8 bits', subjects['quantized to 8 bits']);
checkCache('quantized to 4 bits', subjects['quantized to 4 bits, keys by channel']);

const B = 2;
const HEADS = 2;
const WIDTH = 6;
const N = HEADS * WIDTH;
const TOKENS = 21;
const GROUP = 4;
const RESIDUAL = 3;
/** Blocks of 4 of which 3 newer tokens stand behind: 16 of 21 tokens. */
const PACKED = 16;

/** Rows `[B, TOKENS, N]`. */
const content: Record<string, (b: number, token: number, channel: number, random: number) => number> = {
  random: (_, __, ___, random) => random,
  'an outlier channel': (_, __, channel, random) => (channel === 3 ? 1000 : 1) * random,
  constants: (b, token) => 3.1 + b + token,
  'one constant': () => -1.7,
  zeros: () => 0,
  'one huge value': (b, token, channel, random) => (b + token + channel === 0 ? 1e30 : random),
  'the largest float32 of both signs': (_, token, channel, random) =>
    token % 5 === 0 ? (channel % 2 === 0 ? 1 : -1) * 3.4028234663852886e38 : random,
  'a small spread far from zero': (_, __, ___, random) => 1e6 + random,
  'a spread of one ulp': (_, token) => (token % 2 === 0 ? 16777216 : 16777218),
  'numbers near the smallest': (_, __, ___, random) => random * 1e-38,
  'a step at every token': (_, token, channel) => token * 10 + (channel % 2),
};

function rowsOf(make: (typeof content)[string], seed: number): Float32Array {
  const random = seededValues(B * TOKENS * N, seed);
  return random.map((value, i) =>
    make(Math.floor(i / (TOKENS * N)), Math.floor(i / N) % TOKENS, i % N, value),
  );
}

const spec = { ...plainSpec, rows: { k: [HEADS, WIDTH], v: [HEADS, WIDTH] } };

function create(device: Device, more: Partial<QuantizedOptions> = {}) {
  return createQuantized({ device, spec, B, capacity: 24, group: GROUP, residual: RESIDUAL, ...more });
}

/** The numbers that share a scale with this one. */
function groupAround(rows: Float32Array, along: 'token' | 'channel', i: number): number[] {
  const channel = i % N;
  const token = Math.floor(i / N) % TOKENS;
  const row = i - channel;
  const sequence = row - token * N;
  if (along === 'token') {
    const head = Math.floor(channel / WIDTH) * WIDTH;
    return Array.from({ length: WIDTH }, (_, d) => rows[row + head + d]!);
  }
  const first = Math.floor(token / GROUP) * GROUP;
  return Array.from({ length: GROUP }, (_, t) => rows[sequence + (first + t) * N + channel]!);
}

async function worst(
  device: Device,
  bits: 8 | 4,
  along: 'token' | 'channel',
  rows: Float32Array,
  chunks: number[],
) {
  const cache = create(device, { bits, along });
  let from = 0;
  for (const L of chunks) {
    const part = new Float32Array(B * L * N);
    for (let b = 0; b < B; b++) {
      part.set(rows.subarray((b * TOKENS + from) * N, (b * TOKENS + from + L) * N), b * L * N);
    }
    cache.append({
      k: tensor(device, part, [B, L, HEADS, WIDTH]),
      v: tensor(device, part, [B, L, HEADS, WIDTH]),
    });
    from += L;
  }
  const kept = await cache.view().rows.k!.data();
  let ratio = 0;
  rows.forEach((value, i) => {
    const b = Math.floor(i / (TOKENS * N));
    const inSequence = i - b * TOKENS * N;
    const token = Math.floor(inSequence / N);
    const error = Math.abs(kept[b * 24 * N + inSequence]! - value);
    const bound = token < PACKED ? packingBound(groupAround(rows, along, i), bits) : 0;
    ratio = Math.max(ratio, Number.isNaN(error) ? Infinity : error === 0 ? 0 : error / bound);
  });
  return ratio;
}

describe.each(['reference', 'gpujs:cpu', 'gpujs:webasm'])(
  'on %s a packed number is off by at most its bound',
  (name) => {
    it.each(Object.entries(content))('%s', async (_, make) => {
      const device = await createDevice(name);
      for (const bits of [8, 4] as const) {
        for (const along of ['token', 'channel'] as const) {
          for (const chunks of [[TOKENS], [1, 5, 1, 9, 1, 1, 1, 1, 1]]) {
            expect(await worst(device, bits, along, rowsOf(make, bits), chunks)).toBeLessThanOrEqual(1);
          }
        }
      }
      device.dispose();
    });
  },
);

it('comes as near to its bound as rounding to whole codes does', async () => {
  expect(await worst(createReference(), 4, 'token', rowsOf(content.random!, 1), [TOKENS])).toBeGreaterThan(
    0.95,
  );
});

it('bytes are those of kv(): packed tokens as 8 or 4 bits and scales, the others as float32', () => {
  const device = createReference();
  const append = (cache: ReturnType<typeof create>, L: number) => {
    const rows = () => tensor(device, new Float32Array(B * L * N), [B, L, HEADS, WIDTH]);
    cache.append({ k: rows(), v: rows() });
  };
  for (const bits of [8, 4] as const) {
    for (const along of ['token', 'channel'] as const) {
      const cache = create(device, { bits, along });
      const packed = kv([spec]).bytes({ tokens: PACKED, B, dtype: { bits, along, group: GROUP } });
      append(cache, TOKENS);
      expect(cache.bytes().used).toBe(packed + 2 * B * 4 * N * (TOKENS - PACKED));
      append(cache, 3);
      expect(cache.bytes().used).toBe(cache.bytes().full);
    }
  }
  expect(kv([spec]).bytesPerToken('int8')).toBe(2 * (N + HEADS * 8));
  expect(kv([spec]).bytesPerToken('int4')).toBe(2 * (N / 2 + HEADS * 8));
});

it('a device holds 24 bits in each float32, so 4/3 of a byte for 8 bits', () => {
  const device = createReference();
  const wide = { ...plainSpec, rows: { k: [1, 96] } };
  createQuantized({ device, spec: wide, B: 1, capacity: 64, group: 32, residual: 0 });
  const recent = 32 * 96 * 4;
  expect(device.memory.liveBytes).toBe(64 * (96 * (4 / 3) + 8) + recent);
});

it('a file has the codes as bytes, and loads the same numbers', async () => {
  const device = createReference();
  const cache = create(device, { bits: 4 });
  const rows = rowsOf(content.random!, 5);
  cache.append({
    k: tensor(device, rows, [B, TOKENS, HEADS, WIDTH]),
    v: tensor(device, rows, [B, TOKENS, HEADS, WIDTH]),
  });
  const copy = create(device, { bits: 4 });
  copy.load(await cache.save());
  const [mine, theirs] = [await cache.view().rows.k!.data(), await copy.view().rows.k!.data()];
  mine.forEach((value, i) => {
    expect(theirs[i]).toBeCloseTo(value, 6);
  });
  const other = create(device, { bits: 8 });
  expect(() => other.load(new Uint8Array(0))).toThrow('cache file');
  const file = await cache.save();
  expect(() => other.load(file)).toThrow(
    'cache file: it is packed as {"k":"4 bits by token","v":"4 bits by token","group":4,"residual":3}, this cache packs as {"k":"8 bits by token","v":"8 bits by token","group":4,"residual":3}',
  );
});

it('layers that share a workspace hold packed rows and one view', async () => {
  const device = createReference();
  const workspace = createWorkspace();
  const layers = 3;
  const states = createStates(
    Array.from({ length: layers }, () => spec),
    {
      device,
      B,
      capacity: 24,
      create: {
        full: (options) => createQuantized({ ...options, workspace, group: GROUP, residual: RESIDUAL }),
      },
    },
  );
  const alone = create(device);
  const before = alone.bytes().device;
  alone.view();
  const view = alone.bytes().device - before;
  const all = rowsOf(content.random!, 2);
  for (let n = 0; n < 6; n++) {
    for (const state of [...states, alone]) {
      const rows = tensor(
        device,
        all.subarray(0, B * 3 * N).map((x) => x + n),
        [B, 3, HEADS, WIDTH],
      );
      state.append({ k: rows, v: rows });
      rows.dispose();
    }
  }
  const device0 = states.reduce((sum, state) => sum + state.bytes().device, 0);
  const slots = 4 * B * 3; // of an append of three tokens
  expect(view).toBe(2 * B * 24 * N * 4);
  expect(device0).toBe(layers * (before + slots) + view);
  // each layer writes the view again when it is its turn
  for (const state of states) {
    expect(await state.view().rows.k!.data()).toEqual(await alone.view().rows.k!.data());
  }
});

it.each([
  [{ bits: 3 }, 'quantized: bits must be 8 or 4, got 3'],
  [{ group: 0 }, 'quantized: group must be a whole number ≥ 1, got 0'],
  [{ residual: -1 }, 'quantized: residual must be a whole number ≥ 0, got -1'],
  [{ along: { k: 'token' } }, 'quantized: along.v must be token or channel, got undefined'],
])('refuses %j', (wrong, message) => {
  expect(() => create(createReference(), wrong as never)).toThrow(message);
});

it('runs on a device without kernels for packing, with the same numbers', async () => {
  const rows = (device: Device) => ({
    k: seeded(device, [B, TOKENS, HEADS, WIDTH], 1),
    v: seeded(device, [B, TOKENS, HEADS, WIDTH], 2),
  });
  const shown = await Promise.all(
    [createReference(), withoutKernels(createReference(), packOp, unpackOp)].map(async (device) => {
      const cache = create(device);
      const view = cache.append(rows(device));
      return view.rows.k!.data();
    }),
  );
  assertClose(shown[1]!, shown[0]!, { atol: 1e-6 });
});

it('says how many tokens of each sequence are packed', () => {
  const device = createReference();
  const cache = createQuantized({ device, spec: plainSpec, B: 2, capacity: 24, group: 4, residual: 3 });
  const rows = (L: number) =>
    Object.fromEntries(
      Object.entries(plainSpec.rows).map(([name, row]) => [name, seeded(device, [2, L, ...row], L)]),
    );
  expect(cache.packed).toEqual([0, 0]);
  cache.append(rows(TOKENS));
  expect(cache.packed).toEqual([PACKED, PACKED]);
  cache.crop([TOKENS, 6]);
  expect(cache.packed).toEqual([PACKED, 4]);
});
