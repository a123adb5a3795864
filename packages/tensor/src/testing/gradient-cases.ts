import { grad } from '../autodiff/grad.ts';
import type { Device, DType } from '../contracts/device.ts';
import { activationGradient } from '../ops/activation-gradient.ts';
import { type AttentionInputs, type AttentionOptions, attention, attentionWith } from '../ops/attention.ts';
import { type BinaryKind, binary, where } from '../ops/broadcast.ts';
import { cast } from '../ops/cast.ts';
import { crossEntropy } from '../ops/cross-entropy.ts';
import { add, geglu, gelu, multiply, relu, silu, swiglu } from '../ops/elementwise.ts';
import { gather } from '../ops/gather.ts';
import { headLinear } from '../ops/head-linear.ts';
import { linear } from '../ops/linear.ts';
import { matmul } from '../ops/matmul.ts';
import { layerNorm, rmsNorm } from '../ops/norm.ts';
import { permute } from '../ops/permute.ts';
import { topK } from '../ops/rank.ts';
import { reduce } from '../ops/reduce.ts';
import { rotary } from '../ops/rotary.ts';
import { scatterAdd } from '../ops/scatter-add.ts';
import { concat, slice } from '../ops/slices.ts';
import { logSoftmax, softmax } from '../ops/softmax.ts';
import { type UnaryKind, unary } from '../ops/unary.ts';
import { type Tensor, tensor } from '../tensor.ts';
import type { Differentiable, Parameters } from './gradients.ts';
import { seeded, seededValues } from './seeded.ts';

/** One call of one operation, whose gradients are to be compared. */
export interface GradientCase extends Differentiable {
  readonly op: string;
  readonly name: string;
}

type Shapes = Readonly<Record<string, readonly number[]>>;

/** Parameters of these shapes in [−1, 1). */
function gradientCase(op: string, name: string, shapes: Shapes, run: GradientCase['run']): GradientCase {
  const parameters = (device: Device): Parameters =>
    Object.fromEntries(Object.entries(shapes).map(([key, shape], i) => [key, seeded(device, shape, 10 + i)]));
  return { op, name, parameters, run };
}

/** Parameters in [from, to). */
function within(of: GradientCase, from: number, to: number): GradientCase {
  const parameters = (device: Device): Parameters =>
    Object.fromEntries(
      Object.entries(of.parameters(device)).map(([key, { shape, size }], i) => [
        key,
        tensor(
          device,
          seededValues(size, 50 + i).map((value) => from + ((value + 1) / 2) * (to - from)),
          shape,
        ),
      ]),
    );
  return { ...of, parameters };
}

const ids = (device: Device, values: readonly number[], shape: readonly number[] = [values.length]) =>
  tensor(device, Int32Array.from(values), shape);

const unaryKinds: readonly UnaryKind[] = ['exp', 'tanh', 'sigmoid', 'abs', 'elu+1'];
const positive: readonly UnaryKind[] = ['log', 'sqrt', 'reciprocal'];
const kinds: readonly BinaryKind[] = ['add', 'subtract', 'multiply', 'maximum', 'minimum'];

const pointwise: readonly GradientCase[] = [
  gradientCase('add', 'the same shape, scaled', { a: [3, 5], b: [3, 5] }, ({ a, b }) =>
    add(a!, b!, { scale: -0.7 }),
  ),
  gradientCase('add', 'the last axes', { a: [2, 3, 5], b: [3, 5] }, ({ a, b }) => add(a!, b!, { scale: 2 })),
  gradientCase('add', 'one tensor twice', { a: [7] }, ({ a }) => add(a!, a!)),
  gradientCase('multiply', 'the last axis', { a: [2, 3, 5], b: [5] }, ({ a, b }) => multiply(a!, b!)),
  gradientCase('multiply', 'a single number', { a: [3, 5], b: [] }, ({ a, b }) => multiply(a!, b!)),
  gradientCase('multiply', 'one tensor twice', { a: [7] }, ({ a }) => multiply(a!, a!)),
  gradientCase('silu', 'alpha 1 and another', { x: [13] }, ({ x }) => [silu(x!), silu(x!, { alpha: 1.7 })]),
  within(
    gradientCase('gelu', 'exact and tanh', { x: [13] }, ({ x }) => [gelu(x!), gelu(x!, { kind: 'tanh' })]),
    -4,
    4,
  ),
  gradientCase('relu', 'both sides', { x: [3, 7] }, ({ x }) => relu(x!)),
  gradientCase('gated', 'silu', { gate: [3, 5], up: [3, 5] }, ({ gate, up }) => swiglu(gate!, up!)),
  gradientCase('gated', 'gelu', { gate: [3, 5], up: [3, 5] }, ({ gate, up }) => geglu(gate!, up!)),
  gradientCase('gated', 'gelu-tanh', { gate: [3, 5], up: [3, 5] }, ({ gate, up }) =>
    geglu(gate!, up!, { kind: 'tanh' }),
  ),
  ...(['silu', 'gelu', 'gelu-tanh', 'relu'] as const).map((kind) =>
    gradientCase('activationGradient', `${kind}, differentiated again`, { x: [11], dy: [11] }, ({ x, dy }) =>
      activationGradient(x!, dy!, kind, { alpha: kind === 'silu' ? 1.3 : 1 }),
    ),
  ),
  ...unaryKinds.map((kind) => gradientCase('unary', kind, { x: [3, 7] }, ({ x }) => unary(x!, kind))),
  ...positive.map((kind) =>
    within(
      gradientCase('unary', kind, { x: [3, 7] }, ({ x }) => unary(x!, kind)),
      0.3,
      3,
    ),
  ),
  ...kinds.flatMap((kind) => [
    gradientCase('binary', `${kind}, both repeated`, { a: [2, 1, 3, 1], b: [4, 1, 5] }, ({ a, b }) =>
      binary(a!, b!, kind),
    ),
    gradientCase('binary', `${kind}, one number`, { a: [3, 5], b: [] }, ({ a, b }) => binary(a!, b!, kind)),
  ]),
  within(
    gradientCase('binary', 'divide', { a: [5, 1], b: [7] }, ({ a, b }) => binary(a!, b!, 'divide')),
    0.4,
    2,
  ),
  gradientCase('where', 'all repeated', { a: [5, 1], b: [2, 1, 1] }, ({ a, b }, d) =>
    where(seeded(d, [2, 1, 3], 4), a!, b!),
  ),
  gradientCase('cast', 'to what it is', { x: [7] }, ({ x }) => cast(x!, 'f32')),
];

const moves: readonly GradientCase[] = [
  gradientCase('permute', 'four axes', { x: [2, 3, 4, 5] }, ({ x }) => permute(x!, [2, 0, 3, 1])),
  gradientCase('reshape', 'three axes to two', { x: [2, 3, 4] }, ({ x }) => x!.reshape([6, 4])),
  gradientCase('slice', 'the middle', { x: [3, 10] }, ({ x }) => slice(x!, 4, 5)),
  gradientCase('slice', 'both ends', { x: [3, 10] }, ({ x }) => [slice(x!, 0, 3), slice(x!, 7, 3)]),
  gradientCase('concat', '[3, 5] and [3, 7]', { a: [3, 5], b: [3, 7] }, ({ a, b }) => concat(a!, b!)),
  gradientCase('gather', 'ids twice, never, outside', { table: [7, 5] }, ({ table }, d) =>
    gather(table!, ids(d, [0, 6, 3, 7, -1, 3], [2, 3])),
  ),
  gradientCase('scatterAdd', 'ids twice, never, outside', { rows: [2, 3, 5] }, ({ rows }, d) =>
    scatterAdd(rows!, ids(d, [3, 0, 3, -1, 7, 3], [2, 3]), 4),
  ),
  ...(['half', 'interleaved'] as const).map((layout) =>
    gradientCase(
      'rotary',
      `${layout}, a part of the head, one position outside`,
      { x: [2, 5, 3, 7] },
      ({ x }, d) =>
        rotary(
          x!,
          { cos: seeded(d, [6, 2], 1), sin: seeded(d, [6, 2], 2) },
          ids(d, [0, 1, 2, 9, 4, 5, 4, 3, 2, 1], [2, 5]),
          { layout },
        ),
    ),
  ),
];

const rowwise: readonly GradientCase[] = [
  ...(['sum', 'max', 'min'] as const).flatMap((kind) => [
    gradientCase('reduce', `${kind} of rows`, { x: [3, 7] }, ({ x }) => reduce(x!, kind)),
    gradientCase('reduce', `${kind} over axes 0 and 2`, { x: [2, 3, 5] }, ({ x }) =>
      reduce(x!, kind, [0, 2]),
    ),
  ]),
  gradientCase('softmax', '[3, 7]', { x: [3, 7] }, ({ x }) => softmax(x!)),
  gradientCase('logSoftmax', '[3, 7]', { x: [3, 7] }, ({ x }) => logSoftmax(x!)),
  gradientCase('rmsNorm', 'with a weight', { x: [2, 3, 7], weight: [7] }, ({ x, weight }) =>
    rmsNorm(x!, weight),
  ),
  gradientCase('rmsNorm', 'without', { x: [3, 7] }, ({ x }) => rmsNorm(x!, undefined, { eps: 0.1 })),
  gradientCase(
    'layerNorm',
    'with weight and bias',
    { x: [2, 3, 7], weight: [7], bias: [7] },
    ({ x, weight, bias }) => layerNorm(x!, { weight, bias }),
  ),
  gradientCase('layerNorm', 'without', { x: [3, 7] }, ({ x }) => layerNorm(x!, { eps: 0.1 })),
  gradientCase(
    'normGradient',
    'of both norms, differentiated again',
    { x: [3, 5], weight: [5], bias: [5] },
    ({ x, weight, bias }) => {
      const loss = (p: Parameters): Tensor => {
        const y = add(layerNorm(p.x!, { weight: p.weight, bias: p.bias }), rmsNorm(p.x!, p.weight));
        return reduce(multiply(multiply(y, y), y).reshape([y.size]), 'sum');
      };
      return Object.values(grad(loss)({ x: x!, weight: weight!, bias: bias! }));
    },
  ),
  gradientCase('rmsNorm', '60 rows of 37', { x: [60, 37], weight: [37] }, ({ x, weight }) =>
    rmsNorm(x!, weight),
  ),
  gradientCase('topK', 'three largest', { x: [3, 7] }, ({ x }) => topK(x!, 3).values),
  gradientCase('topK', 'two smallest', { x: [3, 7] }, ({ x }) => topK(x!, 2, { largest: false }).values),
  ...([0, 0.1] as const).flatMap((smoothing) =>
    (['mean', 'sum', 'none'] as const).map((reduction) =>
      gradientCase(
        'crossEntropy',
        `${reduction}, smoothing ${smoothing}, ignored ids`,
        { logits: [2, 3, 7] },
        ({ logits }, d) =>
          crossEntropy(logits!, ids(d, [3, 0, -100, 6, -1, 7], [2, 3]), { smoothing, reduction }),
      ),
    ),
  ),
];

const products: readonly GradientCase[] = [
  gradientCase('linear', 'with a bias', { x: [2, 3, 5], weight: [7, 5], bias: [7] }, ({ x, weight, bias }) =>
    linear(x!, weight!, { bias }),
  ),
  gradientCase('linear', 'transposed', { x: [3, 5], weight: [5, 7], bias: [7] }, ({ x, weight, bias }) =>
    linear(x!, weight!, { bias, transposed: true }),
  ),
  gradientCase('linear', 'one row', { x: [5], weight: [7, 5] }, ({ x, weight }) => linear(x!, weight!)),
  gradientCase('matmul', 'of each', { a: [3, 2, 5], b: [3, 5, 7] }, ({ a, b }) => matmul(a!, b!)),
  gradientCase('matmul', 'one for all', { a: [3, 2, 5], b: [1, 5, 7] }, ({ a, b }) => matmul(a!, b!)),
  gradientCase('headLinear', 'plain', { x: [2, 3, 2, 5], weight: [2, 7, 5] }, ({ x, weight }) =>
    headLinear(x!, weight!),
  ),
  gradientCase('headLinear', 'transposed', { x: [3, 2, 5], weight: [2, 5, 7] }, ({ x, weight }) =>
    headLinear(x!, weight!, { transposed: true }),
  ),
];

/** Attention with sizes that divide nothing, and parameters beside q, k and v. */
function attentionCase(
  name: string,
  options: AttentionOptions,
  {
    sizes = {},
    more = {},
    others = () => ({}),
    lse = false,
  }: {
    readonly sizes?: Partial<Record<'B' | 'Lq' | 'Lk' | 'H' | 'Hkv' | 'D' | 'Dv' | 'width', number>>;
    readonly more?: Shapes;
    readonly others?: (device: Device) => Partial<Record<keyof AttentionInputs, Tensor<string, DType>>>;
    readonly lse?: boolean;
  } = {},
): GradientCase {
  const { B = 2, Lq = 5, Lk = 7, H = 4, Hkv = 2, D = 3, Dv = 5 } = sizes;
  const { width = Dv } = sizes;
  const shapes = { q: [B, Lq, H, D], k: [B, Lk, Hkv, D], v: [B, Lk, Hkv, width], ...more };
  return gradientCase('attention', name, shapes, (given, device) => {
    const inputs = { ...given, ...others(device) } as unknown as AttentionInputs;
    if (!lse) return attention(inputs, options);
    const found = attentionWith(inputs, options, ['lse']);
    return [found.out, found.lse];
  });
}

const hidden = (device: Device): { bias: Tensor } => {
  const values = seededValues(5 * 7, 8).map((value, n) => (n % 4 === 1 ? -Infinity : value));
  return { bias: tensor(device, values, [1, 1, 5, 7]) };
};

const attentions: readonly GradientCase[] = [
  attentionCase('nothing declared', {}),
  attentionCase('a scale, one head, one query', { scale: 0.3 }, { sizes: { B: 1, Lq: 1, H: 1, Hkv: 1 } }),
  attentionCase('causal', { causal: true }, { sizes: { Lq: 7 } }),
  attentionCase(
    'causal from an offset, wide values',
    { causal: { offset: 2 }, valueWidth: 3 },
    { sizes: { width: 5, Dv: 3 } },
  ),
  attentionCase('a prefix', { causal: true, prefix: 3 }, { sizes: { Lq: 7 } }),
  attentionCase(
    'a window and sink tokens',
    { causal: true, window: [2, 0], sinkTokens: 1 },
    { sizes: { Lq: 7 } },
  ),
  attentionCase('a window on both sides', { window: [1, 2] }),
  attentionCase(
    'segments with anchors',
    { causal: true, segments: { length: 3, anchors: true } },
    { sizes: { Lq: 7 } },
  ),
  attentionCase('segments without', { segments: { length: 2, anchors: false } }),
  attentionCase('slots in use', { valid: 4 }),
  attentionCase('a softcap', { softcap: 0.8, causal: true, scale: 2 }, { sizes: { Lq: 7 } }),
  attentionCase('slopes', { causal: true }, { sizes: { Lq: 7 }, more: { slopes: [4] } }),
  attentionCase('learned sinks', { causal: true }, { sizes: { Lq: 7 }, more: { sinks: [4] } }),
  attentionCase('a bias of each', {}, { more: { bias: [2, 4, 5, 7] } }),
  attentionCase('a bias for all sequences', {}, { more: { bias: [1, 4, 5, 7] } }),
  attentionCase('a bias for all heads', {}, { more: { bias: [2, 1, 5, 7] } }),
  attentionCase('a bias that hides', {}, { others: hidden }),
  attentionCase('the log-sum-exp', { causal: true }, { sizes: { Lq: 7 }, lse: true, more: { sinks: [4] } }),
  attentionCase(
    'positions, nobody among them, and keys that end',
    { causal: true },
    {
      more: { slopes: [4] },
      others: (d) => ({
        queryPositions: ids(d, [3, 0, 1, 2, -1, 4, 5, 6, 7, 8], [2, 5]),
        keyPositions: ids(d, [0, 1, 2, 3, -1, -1, 4, 8, 7, 6, 5, -1, 4, 3], [2, 7]),
        keyUntil: ids(d, [9, 9, 2, 9, 9, 9, 9], [1, 7]),
      }),
    },
  ),
  attentionCase('a cursor', { causal: true }, { others: (d) => ({ cursor: ids(d, [2, 6]) }) }),
  gradientCase(
    'attentionGradient',
    'differentiated again',
    { q: [1, 3, 2, 3], k: [1, 4, 1, 3], v: [1, 4, 1, 2], sinks: [2] },
    (given, device) => {
      const loss = (p: Parameters): Tensor => {
        const y = attention(p as unknown as AttentionInputs, { causal: { offset: 1 }, softcap: 2 });
        return reduce(multiply(multiply(y, y), seeded(device, y.shape, 5)).reshape([y.size]), 'sum');
      };
      return Object.values(grad(loss)(given));
    },
  ),
  attentionCase(
    'everything at once',
    { causal: { offset: 2 }, window: [4, 0], sinkTokens: 1, softcap: 1.5, scale: 0.7, valid: 6 },
    { sizes: { H: 6, Hkv: 2 }, more: { slopes: [6], sinks: [6], bias: [1, 6, 5, 7] } },
  ),
];

/** Every operation that gradients pass through, at sizes that do not divide evenly. */
export const gradientCases: readonly GradientCase[] = [
  ...pointwise,
  ...moves,
  ...rowwise,
  ...products,
  ...attentions,
];
