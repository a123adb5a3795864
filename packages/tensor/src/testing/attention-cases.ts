import type { Device } from '../contracts/device.ts';
import {
  type AttentionExtra,
  type AttentionInputs,
  type AttentionOptions,
  attentionWith,
} from '../ops/attention.ts';
import type { Modifier } from '../ops/modifier.ts';
import { tensor, zeros } from '../tensor.ts';
import type { OpCase } from './op-case.ts';
import { seeded, seededValues } from './seeded.ts';

interface Sizes {
  readonly B?: number;
  readonly Lq: number;
  readonly Lk: number;
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  readonly Dv?: number;
}

type Inputs = { -readonly [Name in keyof AttentionInputs]: AttentionInputs[Name] };
type Extend = (device: Device, sizes: Required<Sizes>) => Partial<Inputs>;

function attentionCase(
  name: string,
  sizes: Sizes,
  options: AttentionOptions = {},
  extend: Extend = () => ({}),
  extras: readonly AttentionExtra[] = [],
  atol = 2e-6,
): OpCase {
  const full = { B: 1, Dv: sizes.D, ...sizes };
  const { B, Lq, Lk, H, Hkv, D, Dv } = full;
  const axes = `[${B}, ${Lq}, ${H}/${Hkv}, ${D}] × ${Lk}`;
  return {
    op: 'attention',
    name: `${name} ${axes}`,
    atol,
    rtol: 2e-5,
    run(device) {
      const inputs: Inputs = {
        q: seeded(device, [B, Lq, H, D], 1),
        k: seeded(device, [B, Lk, Hkv, D], 2),
        v: seeded(device, [B, Lk, Hkv, Dv], 3),
        ...extend(device, full),
      };
      const { out, ...rest } = attentionWith(inputs, options, extras);
      return [out, ...extras.map((extra) => (rest as Record<string, typeof out>)[extra]!)];
    },
  };
}

const i32 = (device: Device, rows: readonly (readonly number[])[]) =>
  tensor<'B L'>(device, Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]) as never;

/** Values at 1-in-n places set to something poisonous. */
function poisoned(
  device: Device,
  shape: readonly number[],
  seed: number,
  bad: (row: number) => boolean,
  value: number,
) {
  const row = shape[2]! * shape[3]!;
  const data = seededValues(
    shape.reduce((size, axis) => size * axis, 1),
    seed,
  );
  for (let i = 0; i < data.length; i++) if (bad(Math.floor(i / row) % shape[1]!)) data[i] = value;
  return tensor(device, data, shape) as never;
}

const everyThird: Modifier = {
  kind: 'mask',
  source: 'function (b, h, q, k) { return k % every === h % 2 || k === q ? 1 : 0; }',
  constants: { every: 3 },
};

const relative: Modifier = {
  kind: 'score',
  source: `function (s, b, h, q, k) {
    let distance = q - k;
    if (distance < 0) { distance = -distance; }
    return s - slope * distance * (h + 1) + Math.min(b, 1) * 0.25;
  }`,
  constants: { slope: 0.125 },
};

const sizes: readonly Sizes[] = [
  { Lq: 1, Lk: 1, H: 1, Hkv: 1, D: 1 },
  { Lq: 1, Lk: 63, H: 6, Hkv: 2, D: 5 },
  { B: 2, Lq: 3, Lk: 3, H: 6, Hkv: 2, D: 5 },
  { Lq: 63, Lk: 100, H: 2, Hkv: 2, D: 8, Dv: 3 },
  { B: 2, Lq: 5, Lk: 7, H: 4, Hkv: 1, D: 16 },
  { Lq: 1, Lk: 100, H: 8, Hkv: 2, D: 64 },
  { Lq: 100, Lk: 100, H: 3, Hkv: 3, D: 7, Dv: 12 },
];
const small: Sizes = { B: 2, Lq: 7, Lk: 9, H: 6, Hkv: 2, D: 5 };
const decode: Sizes = { Lq: 1, Lk: 80, H: 4, Hkv: 2, D: 8 };
const square: Sizes = { Lq: 40, Lk: 40, H: 2, Hkv: 1, D: 8 };
const everything = ['lse', 'weights', 'raw', 'capped', 'scores'] as const;

const shapes = sizes.flatMap((size) => [
  attentionCase('plain', size),
  attentionCase('causal', size, { causal: { offset: Math.max(0, size.Lk - size.Lq) } }),
  attentionCase('causal from 0', size, { causal: true, scale: 0.3 }),
]);

const windows = [
  attentionCase('window 1', square, { causal: true, window: [0, 0] }),
  attentionCase('window 5', square, { causal: true, window: [4, 0] }),
  attentionCase('window to both sides', square, { window: [3, 2] }),
  attentionCase('window ahead only', square, { window: [Infinity, 2] }),
  attentionCase('window behind only', square, { window: [2, Infinity] }),
  attentionCase('window wider than the keys', square, { causal: true, window: [100, 100] }),
  attentionCase('window with sink tokens', square, { causal: true, window: [4, 0], sinkTokens: 3 }),
  attentionCase('window with sink tokens, both sides', square, { window: [3, 3], sinkTokens: 2 }),
  attentionCase(
    'window in a batch of groups',
    { ...small, Lq: 20, Lk: 20 },
    { causal: true, window: [5, 0] },
  ),
  attentionCase('window while decoding', decode, { causal: { offset: 70 }, window: [15, 0], valid: 71 }),
  attentionCase('window while decoding, early', decode, { causal: { offset: 4 }, window: [15, 0], valid: 5 }),
  attentionCase('window and sink tokens while decoding', decode, {
    causal: { offset: 79 },
    window: [15, 0],
    sinkTokens: 4,
  }),
  attentionCase('window in a chunk', { ...decode, Lq: 30 }, { causal: { offset: 50 }, window: [9, 0] }),
];

const windowsAhead = [
  attentionCase('window ahead with sink tokens', square, { window: [Infinity, 2], sinkTokens: 9 }),
  attentionCase('window with sink tokens, wider than the keys', square, { window: [39, 1], sinkTokens: 7 }),
  attentionCase('window with more sink tokens than it reaches', square, { window: [3, 1], sinkTokens: 11 }),
];

/** Positions of `small` out of order, with empty slots. */
const placed: Extend = (d, s) => ({
  queryPositions: i32(d, [
    Array.from({ length: s.Lq }, (_, i) => (i * 3) % 8),
    Array.from({ length: s.Lq }, (_, i) => i),
  ]),
  keyPositions: i32(d, [
    [0, 1, 2, -1, -1, 3, 4, 5, 11],
    [-1, 7, -1, 1, 2, 3, 4, 5, 6],
  ]),
});

const segmented = [1, 7, 64].flatMap((length) =>
  [false, true].flatMap((anchors) => {
    const segments = { length, anchors };
    const name = `segments of ${length}${anchors ? ', anchors' : ''}`;
    return [
      ...sizes.map((size) => attentionCase(name, size, { causal: true, segments })),
      attentionCase(`${name}, square`, square, { causal: true, segments }),
      attentionCase(`${name}, in both directions`, small, { segments }),
      attentionCase(`${name}, in both directions, long`, { ...square, Lq: 30, Lk: 150 }, { segments }),
      attentionCase(`${name} and a prefix`, { ...square, Lk: 150 }, { causal: true, segments, prefix: 140 }),
      attentionCase(`${name} and a window`, square, { causal: true, segments, window: [4, 0] }),
      attentionCase(`${name}, a prefix, sink tokens`, square, {
        causal: true,
        segments,
        prefix: 9,
        window: [11, 0],
        sinkTokens: 2,
      }),
      attentionCase(`${name} in a chunk`, { ...square, Lq: 9 }, { causal: { offset: 20 }, segments }),
      attentionCase(`${name} while decoding`, decode, { causal: { offset: 46 }, segments, valid: 47 }),
    ];
  }),
);

const prefixes = [
  ...sizes.map((size) => attentionCase('prefix 5', size, { causal: true, prefix: 5 })),
  ...[1, 13, 39, 41].map((prefix) => attentionCase(`prefix ${prefix}`, square, { causal: true, prefix })),
  attentionCase('prefix without causality', small, { prefix: 5 }),
  attentionCase('prefix in a chunk', { ...square, Lq: 9 }, { causal: { offset: 8 }, prefix: 14 }),
  attentionCase('prefix behind a chunk', { ...square, Lq: 9 }, { causal: { offset: 20 }, prefix: 14 }),
  attentionCase('prefix that ends in use', square, { causal: true, prefix: 30, valid: 21 }),
  attentionCase('prefix while decoding', decode, { causal: { offset: 40 }, prefix: 50, valid: 47 }),
  attentionCase(
    'prefix of long rows',
    { Lq: 70, Lk: 210, H: 2, Hkv: 1, D: 8 },
    { causal: true, prefix: 133 },
  ),
  ...([2, Infinity] as const).flatMap((after) => [
    attentionCase(`prefix, ${after} ahead`, square, { causal: true, prefix: 13, window: [6, after] }),
    attentionCase(`prefix, ${after} ahead, all behind`, square, {
      causal: true,
      prefix: 17,
      window: [Infinity, after],
    }),
    attentionCase(`prefix, ${after} ahead, sink tokens`, square, {
      causal: true,
      prefix: 13,
      window: [4, after],
      sinkTokens: 6,
    }),
  ]),
  attentionCase('prefix with positions', small, { causal: true, prefix: 4 }, placed),
  attentionCase(
    'prefix with positions and a window',
    small,
    { causal: true, prefix: 6, window: [2, 2] },
    placed,
  ),
  attentionCase('prefix, all extras', small, { causal: true, prefix: 4 }, undefined, everything),
];

/** Offset and valid as an input: made, written over from the host, or from another buffer. */
const cursor =
  (offset: number, valid: number, how: 'host' | 'buffer' | 'part' = 'host'): Extend =>
  (d) => {
    const numbers = tensor<'2'>(d, Int32Array.of(offset, valid), [2]);
    if (how === 'host') return { cursor: numbers };
    const moved = zeros<'2', 'i32'>(d, [2], 'i32');
    if (how === 'part') moved.write(1, Int32Array.of(3, valid), 1, 1);
    moved.write(0, numbers, 0, how === 'part' ? 1 : 2);
    return { cursor: moved };
  };

const cursors = [
  ...(['host', 'buffer', 'part'] as const).map((how) =>
    attentionCase(`cursor while decoding, ${how}`, decode, { causal: true }, cursor(32, 33, how)),
  ),
  attentionCase('cursor in a window', decode, { causal: true, window: [15, 0] }, cursor(70, 71)),
  attentionCase('cursor in a chunk', { ...decode, Lq: 30 }, { causal: true, window: [9, 0] }, cursor(50, 80)),
  attentionCase('cursor in many chunks', { ...square, B: 2 }, { causal: true, prefix: 3 }, cursor(1, 37)),
  attentionCase('cursor beyond the keys', small, {}, cursor(2, 100), everything),
  attentionCase('cursor before the keys', small, { causal: true }, cursor(-3, -1)),
  attentionCase('cursor in place of other numbers', small, { causal: { offset: 1 }, valid: 2 }, cursor(3, 8)),
];

const features = [
  attentionCase('softcap', small, { softcap: 0.4 }),
  attentionCase(
    'softcap, saturated',
    { ...small, D: 64 },
    { softcap: 0.01, scale: 40 },
    undefined,
    everything,
    1e-4,
  ),
  attentionCase('valid', decode, { valid: 33 }),
  attentionCase('valid 0', decode, { valid: 0 }),
  attentionCase('no keys', { ...small, Lk: 0 }, {}, undefined, ['lse']),
  attentionCase('causal queries before every key', { ...small, Lq: 3 }, { causal: true, valid: 2 }),
  attentionCase('values narrower than their rows', { ...small, Dv: 9 }, { valueWidth: 4, causal: true }),
  attentionCase('values that are the keys', { ...small, D: 12 }, { valueWidth: 8 }, (d, s) => {
    const k = seeded(d, [s.B, s.Lk, s.Hkv, s.D], 5) as never;
    return { k, v: k };
  }),
  ...[
    [1, 1],
    [2, 1],
    [1, 6],
    [2, 6],
  ].map(([b, h]) =>
    attentionCase(`bias [${b}, ${h}, Lq, Lk]`, small, { causal: { offset: 2 } }, (d, s) => ({
      bias: seeded(d, [b!, h!, s.Lq, s.Lk], 7),
    })),
  ),
  attentionCase('bias of −∞, a whole row too', small, {}, (d, s) => ({
    bias: tensor<'B H Lq Lk'>(
      d,
      Float32Array.from({ length: s.Lq * s.Lk }, (_, n) =>
        n < s.Lk || n % 3 === 0 ? -Infinity : 0.1 * (n % 5),
      ),
      [1, 1, s.Lq, s.Lk],
    ),
  })),
  attentionCase('bias of the least float', small, {}, (d, s) => ({
    bias: tensor<'B H Lq Lk'>(
      d,
      Float32Array.from({ length: s.Lq * s.Lk }, (_, n) =>
        n < s.Lk || n % 3 === 0 ? -3.4028234663852886e38 : 0,
      ),
      [1, 1, s.Lq, s.Lk],
    ),
  })),
  attentionCase('slopes', small, { causal: { offset: 2 } }, (d, s) => ({ slopes: seeded(d, [s.H], 8) })),
  attentionCase(
    'sinks',
    { ...small, Lq: 4 },
    { causal: true, valid: 3 },
    (d, s) => ({ sinks: seeded(d, [s.H], 9) }),
    ['lse', 'weights'],
  ),
  attentionCase('sinks that see nothing', small, { valid: 0 }, (d, s) => ({ sinks: seeded(d, [s.H], 9) }), [
    'lse',
  ]),
  attentionCase('query positions', small, { causal: true, window: [3, 0] }, (d, s) => ({
    queryPositions: i32(d, [Array.from({ length: s.Lq }, (_, i) => (i * 3) % 8)]),
  })),
  attentionCase('key positions of a ring', small, { causal: { offset: 11 }, window: [6, 0] }, (d) => ({
    keyPositions: i32(d, [[9, 10, 11, 12, 13, 14, 15, 7, 8]]),
  })),
  attentionCase('positions by sequence, empty slots', small, { causal: true }, (d, s) => ({
    queryPositions: i32(
      d,
      [5, 0].map((start) => Array.from({ length: s.Lq }, (_, i) => start + i)),
    ),
    keyPositions: i32(d, [
      [0, 1, 2, -1, -1, 3, 4, 5, 11],
      [-1, -1, -1, 1, 2, 3, 4, 5, 6],
    ]),
  })),
  attentionCase('keys that end', small, { causal: { offset: 2 } }, (d) => ({
    keyUntil: i32(d, [
      [3, 100, 4, 100, 100, 5, 100, 2, 100],
      [8, 8, 8, 3, 3, 3, 0, 0, 100],
    ]),
  })),
  attentionCase('mask modifier', small, { modifiers: [everyThird] }),
  attentionCase('score modifier', small, { causal: true, modifiers: [relative] }),
  attentionCase('modifiers in order', small, { modifiers: [relative, everyThird, relative], softcap: 3 }),
  attentionCase('all extras', small, { causal: { offset: 2 }, softcap: 0.7 }, undefined, everything),
  attentionCase('all extras, no cap', { ...decode, Lq: 5 }, { window: [3, 1] }, undefined, everything),
  attentionCase('lse of a band', square, { causal: true, window: [4, 0] }, undefined, ['lse']),
  attentionCase('large scores', { ...small, D: 64 }, { scale: 200, causal: true }),
];

const hiddenGarbage = [Number.NaN, Infinity, -Infinity].flatMap((value) => [
  attentionCase(`${value} beyond valid`, { ...decode, Lq: 5 }, { valid: 61 }, (d, s) => ({
    k: poisoned(d, [s.B, s.Lk, s.Hkv, s.D], 2, (j) => j >= 61, value),
    v: poisoned(d, [s.B, s.Lk, s.Hkv, s.Dv], 3, (j) => j >= 61, value),
  })),
  attentionCase(
    `${value} in hidden keys`,
    small,
    { modifiers: [{ kind: 'mask', source: 'function (b, h, q, k) { return k % 4 === 1 ? 0 : 1; }' }] },
    (d, s) => ({
      k: poisoned(d, [s.B, s.Lk, s.Hkv, s.D], 2, (j) => j % 4 === 1, value),
      v: poisoned(d, [s.B, s.Lk, s.Hkv, s.Dv], 3, (j) => j % 4 === 1, value),
    }),
  ),
  attentionCase(`${value} after the prefix`, { ...square, Lq: 5 }, { causal: true, prefix: 9 }, (d, s) => ({
    k: poisoned(d, [s.B, s.Lk, s.Hkv, s.D], 2, (j) => j >= 9, value),
    v: poisoned(d, [s.B, s.Lk, s.Hkv, s.Dv], 3, (j) => j >= 9, value),
  })),
  attentionCase(
    `${value} before the window`,
    { ...square, Lq: 5 },
    { causal: { offset: 35 }, window: [3, 0] },
    (d, s) => ({
      k: poisoned(d, [s.B, s.Lk, s.Hkv, s.D], 2, (j) => j < 32, value),
      v: poisoned(d, [s.B, s.Lk, s.Hkv, s.Dv], 3, (j) => j < 32, value),
    }),
  ),
]);

/** A key that a bias of −∞ hides may be anything, and its value too: in prefill and decoding, for some heads only. */
const hiddenByBias = [Number.NaN, Infinity, -Infinity].flatMap((value) => [
  ...(
    [
      [small, [1, 1]],
      [small, [2, 6]],
      [decode, [1, 1]],
      [decode, [1, 4]],
      [{ ...square, D: 5 }, [1, 1]],
      [{ Lq: 1, Lk: 40, H: 2, Hkv: 2, D: 32 }, [1, 2]],
    ] as const
  ).map(([size, [b, h]]) =>
    attentionCase(
      `${value} in keys hidden by a bias [${b}, ${h}, Lq, Lk]`,
      size,
      {},
      (d, s) => ({
        k: poisoned(d, [s.B, s.Lk, s.Hkv, s.D], 2, (j) => j % 4 === 1, value),
        v: poisoned(d, [s.B, s.Lk, s.Hkv, s.Dv], 3, (j) => j % 4 === 1, value),
        bias: tensor<'B H Lq Lk'>(
          d,
          seededValues(b * h * s.Lq * s.Lk, 7).map((x, n) => ((n % s.Lk) % 4 === 1 ? -Infinity : x)),
          [b, h, s.Lq, s.Lk],
        ),
      }),
      ['lse', 'weights', 'scores'],
    ),
  ),
  attentionCase(
    `${value} in keys hidden by a bias, with a score modifier`,
    small,
    { modifiers: [{ kind: 'score', source: 'function (s, b, h, q, k) { return 0.5 + k * 0.25; }' }] },
    (d, s) => ({
      k: poisoned(d, [s.B, s.Lk, s.Hkv, s.D], 2, (j) => j === 3, value),
      v: poisoned(d, [s.B, s.Lk, s.Hkv, s.Dv], 3, (j) => j === 3, value),
      bias: tensor<'B H Lq Lk'>(
        d,
        Float32Array.from({ length: s.Lq * s.Lk }, (_, n) => (n % s.Lk === 3 ? -Infinity : 0)),
        [1, 1, s.Lq, s.Lk],
      ),
    }),
  ),
]);

/**
 * Sums over many keys, all of one sign: the log-sum-exp as sums of rows, the weighted values as long products (one f32
 * after the other on gpu.js).
 */
const manyKeys = [1, 5].flatMap((Lq): readonly OpCase[] => {
  const each = attentionCase(
    'many keys',
    { Lq, Lk: 65_000, H: 1, Hkv: 1, D: 4 },
    {},
    (d, s) => ({
      v: tensor<'B Lk Hkv Dv'>(
        d,
        seededValues(s.Lk * 4, 3).map((x) => 0.3 + 0.2 * x),
        [1, s.Lk, 1, 4],
      ),
    }),
    ['lse'],
  );
  const { name, run } = each;
  return [
    { ...each, run: (d) => run(d).slice(0, 1), atol: 1e-30, rtol: 1e-5 },
    { ...each, name: `lse of ${name}`, run: (d) => run(d).slice(1), atol: 1e-30, rtol: 1e-6 },
  ];
});

const seenInfinity = attentionCase(
  'Infinity in a value that some rows see, and others of their group not',
  square,
  { causal: true },
  (d, s) => ({ v: poisoned(d, [s.B, s.Lk, s.Hkv, s.Dv], 3, (j) => j === 21, Infinity) }),
);

/** Attention with everything it declares; part of `opCases`. */
export const attentionCases: readonly OpCase[] = [
  ...shapes,
  ...windows,
  ...windowsAhead,
  ...prefixes,
  ...segmented,
  ...cursors,
  ...features,
  ...hiddenGarbage,
  ...hiddenByBias,
  ...manyKeys,
  seenInfinity,
];
