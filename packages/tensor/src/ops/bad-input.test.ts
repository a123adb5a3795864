import { expect, it } from 'vitest';
import { createDevice } from '../device/devices.ts';
import { run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { tensor, zeros } from '../tensor.ts';
import { activationGradient } from './activation-gradient.ts';
import { attention } from './attention.ts';
import { binary } from './broadcast.ts';
import { add, gatedOp, gelu, swiglu } from './elementwise.ts';
import { checkIds, gather } from './gather.ts';
import { linear } from './linear.ts';
import { matmul } from './matmul.ts';
import { layerNorm } from './norm.ts';
import { permute } from './permute.ts';
import { topK } from './rank.ts';
import { reduce } from './reduce.ts';
import { rotary } from './rotary.ts';
import { slice } from './slices.ts';
import { unary } from './unary.ts';

const device = await createDevice('gpujs:cpu');
const z = <Axes extends string>(...shape: number[]): Tensor<Axes> => zeros(device, shape);

it('refuses shapes that disagree, naming the axis and every argument', () => {
  expect(() => linear(z(2, 3), z(5, 4))).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: linear: axis I has two sizes: x says 3, weight says 4
      x       […=2, I=3]
      weight  [O=5, I=4]]
  `);
  expect(() => linear(z(2, 3), z(5, 3), { bias: z(4) })).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: linear: axis O has two sizes: weight says 5, bias says 4
      x       […=2, I=3]
      weight  [O=5, I=3]
      bias    [O=4]]
  `);
  expect(() => matmul(z(2, 3, 4), z(3, 4, 5))).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: matmul: axis G has two sizes: a says 2, b says 3
      a  [G=2, M=3, K=4]
      b  [G=3, K=4, N=5]]
  `);
  expect(() => add(z(2, 3), z(2))).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: add: b must have the shape of a or of its last axes
      a  [?=2, ?=3]
      b  [?=2]]
  `);
  expect(() => swiglu(z(2, 3), z(3))).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: gated: gate and up must have the same shape
      gate  [?=2, ?=3]
      up    [?=3]]
  `);
  expect(() => layerNorm(z(2, 3), { weight: z(4) })).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: layerNorm: axis E has two sizes: x says 3, weight says 4
      x       […=2, E=3]
      weight  [E=4]]
  `);
  expect(() =>
    attention({ q: z(1, 2, 4, 8), k: z(1, 3, 2, 8), v: z(1, 4, 2, 8) }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: attention: axis Lk has two sizes: k says 3, v says 4
      q  [B=1, Lq=2, H=4, D=8]
      k  [B=1, Lk=3, Hkv=2, D=8]
      v  [B=1, Lk=4, Hkv=2, Dv=8]]
  `);
  expect(() =>
    attention({ q: z(1, 2, 4, 8), k: z(1, 3, 2, 6), v: z(1, 3, 2, 8) }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: attention: axis D has two sizes: q says 8, k says 6
      q  [B=1, Lq=2, H=4, D=8]
      k  [B=1, Lk=3, Hkv=2, D=6]
      v  [B=1, Lk=3, Hkv=2, Dv=8]]
  `);
  expect(() =>
    attention({ q: z(1, 2, 4, 8), k: z(1, 3, 2, 8), v: z(1, 3, 2, 8), bias: z(1, 4, 3, 2) }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: attention: axis Lq has two sizes: q says 2, bias says 3
      q     [B=1, Lq=2, H=4, D=8]
      k     [B=1, Lk=3, Hkv=2, D=8]
      v     [B=1, Lk=3, Hkv=2, Dv=8]
      bias  [1=1, H=4, Lq=3, Lk=2]]
  `);
});

it('refuses query heads that are not a multiple of the key heads', () => {
  expect(() =>
    attention({ q: z(1, 2, 8, 4), k: z(1, 2, 3, 4), v: z(1, 2, 3, 4) }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: attention: H = 8 query heads cannot be split into Hkv = 3 groups
      q  [B=1, Lq=2, H=8, D=4]
      k  [B=1, Lk=2, Hkv=3, D=4]
      v  [B=1, Lk=2, Hkv=3, Dv=4]]
  `);
});

it('refuses options out of range, saying the rule', () => {
  const qkv = {
    q: z<'B Lq H D'>(1, 2, 2, 4),
    k: z<'B Lk Hkv D'>(1, 3, 2, 4),
    v: z<'B Lk Hkv Dv'>(1, 3, 2, 4),
  };
  expect(() => attention(qkv, { window: [-1, 0] })).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: attention: window before must be a whole number ≥ 0 or Infinity (a window of W tokens with the own one is [W − 1, 0]), got -1]`,
  );
  expect(() => attention(qkv, { valid: 4 })).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: attention: valid must be a whole number from 0 to Lk = 3, got 4]`,
  );
  expect(() => attention(qkv, { causal: { offset: 0.5 } })).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: attention: causal.offset must be a whole number ≥ 0 (the position of query 0), got 0.5]`,
  );
  expect(() => attention(qkv, { softcap: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: attention: softcap must be a finite number ≥ 0 (0 for none), got NaN]`,
  );
  expect(() => topK(z(2, 3), 4)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: topK: k must be a whole number from 1 to 3 (the last axis), got 4]`,
  );
  expect(() => slice(z(2, 3), 2, 2)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: slice: start and width must lie inside the last axis of 3, got [2, 2]]`,
  );
  expect(() => checkIds('embed', [3, 12], 12)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: embed: ids[1] must be a whole number from 0 to 11 (the table has 12 rows), got 12]`,
  );
  const tables = { cos: z(4, 3), sin: z(4, 3) };
  const positions = tensor(device, Int32Array.of(0), [1, 1]);
  expect(() => rotary(z(1, 1, 1, 4), tables, positions)).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: rotary: the tables turn 2 · 3 = 6 numbers of a head of width D = 4
      x    [B=1, L=1, H=1, D=4]
      cos  [N=4, R/2=3]]
  `);
});

it('refuses values that do not fill a shape, and shapes that are none', () => {
  expect(() => tensor(device, [1, 2, 3], [2, 2])).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: tensor: 3 values do not fill [2, 2], which has 4]`,
  );
  expect(() => zeros(device, [2, -1])).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: zeros: every axis must be a whole number ≥ 0, got [2, -1]]`,
  );
  expect(() => z(2, 3).reshape([4])).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: reshape: 6 elements do not fill [4], which has 4
      tensor  [?=2, ?=3]]
  `);
});

it.each([
  ['causal.offset', (n: number) => ({ causal: { offset: n } })],
  ['window before', (n: number) => ({ window: [n, 0] as const })],
  ['window after', (n: number) => ({ window: [0, n] as const })],
  ['prefix', (n: number) => ({ prefix: n })],
  ['segments.length', (n: number) => ({ segments: { length: n, anchors: false } })],
  ['sinkTokens', (n: number) => ({ sinkTokens: n })],
  ['valid', (n: number) => ({ valid: n })],
  ['valueWidth', (n: number) => ({ valueWidth: n })],
])('refuses numbers of attention that count nothing: %s', (name, options) => {
  const qkv = { q: z<'B Lq H D'>(1, 2, 1, 4), k: z(1, 2, 1, 4), v: z(1, 2, 1, 4) } as never;
  for (const bad of [-1, 0.5, 1.5, Number.NaN])
    expect(() => attention(qkv, options(bad))).toThrow(`attention: ${name} must be a whole number`);
  expect(() => attention(qkv, options(2))).not.toThrow();
});

it('names both shapes where axes neither agree nor are 1', () => {
  expect(() => binary(z(2, 3), z(2, 2), 'add')).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: binary: axis 1 of 2 has the sizes 3, 2: they must be equal, or 1
      a  [?=2, ?=3]
      b  [?=2, ?=2]]
  `);
});

it('refuses kinds that are none, on every device, where one would take them for another', () => {
  const x = z<'R C'>(2, 3);
  const none = 'mean' as never;
  expect(() => reduce(x, none)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: reduce: kind must be one of sum, max, min, got "mean"]`,
  );
  expect(() => unary(x, none)).toThrow('unary: kind must be one of exp, log, tanh, ');
  expect(() => binary(x, x, none)).toThrow('binary: kind must be one of add, subtract, multiply, ');
  expect(() => gelu(x, { kind: none })).toThrow('gelu: kind must be one of exact, tanh');
  expect(() => run(gatedOp, { gate: x, up: x }, { kind: none })).toThrow(
    'gated: kind must be one of silu, gelu, gelu-tanh',
  );
  expect(() => activationGradient(x, x, none)).toThrow('activationGradient: kind must be one of silu, ');
  // names that every object has are none
  expect(() => unary(x, 'constructor' as never)).toThrow('unary: kind must be one of');
});

it('refuses what is no tensor', () => {
  expect(() => add(z(2), [1, 2] as never)).toThrowErrorMatchingInlineSnapshot(
    `[TypeError: add: b must be a tensor, got object]`,
  );
});

it('gives zeros for ids outside the table, on the device', async () => {
  const table = tensor(device, [1, 2, 3, 4], [2, 2]);
  const rows = gather(table, tensor(device, Int32Array.of(1, 2, -1), [3]));
  expect(await rows.data()).toEqual(Float32Array.of(3, 4, 0, 0, 0, 0));
});

it('orders ten axes and more by number', async () => {
  const shape = [1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 3];
  const axes = [10, 0, 1, 3, 4, 5, 6, 7, 8, 9, 2];
  const turned = permute(tensor(device, [0, 1, 2, 3, 4, 5], shape), axes);
  expect(turned.shape).toEqual([3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
  expect(await turned.data()).toEqual(Float32Array.of(0, 3, 1, 4, 2, 5));
  expect(() => permute(z(2, 3), [1, 1])).toThrow('must name each of the 2 axes of x once, got [1, 1]');
});
