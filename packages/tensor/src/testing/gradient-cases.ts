import { grad } from '../autodiff/grad.ts';
import { activationGradient } from '../ops/activation-gradient.ts';
import { type BinaryKind, binary, where } from '../ops/broadcast.ts';
import { cast } from '../ops/cast.ts';
import { crossEntropy } from '../ops/cross-entropy.ts';
import { add, geglu, gelu, multiply, relu, silu, swiglu } from '../ops/elementwise.ts';
import { expertLinear } from '../ops/expert-linear.ts';
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
import type { Tensor } from '../tensor.ts';
import { attentionGradientCases } from './attention-gradient-cases.ts';
import { type GradientCase, gradientCase, ids, within } from './gradient-case.ts';
import type { Parameters } from './gradients.ts';
import { seeded } from './seeded.ts';

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
  ...[false, true].map((transposed) =>
    gradientCase(
      'linear',
      `131 rows, to 17 numbers and from 67${transposed ? ', transposed' : ''}`,
      { x: [131, 67], weight: transposed ? [67, 17] : [17, 67], bias: [17] },
      ({ x, weight, bias }) => linear(x!, weight!, { bias, transposed }),
    ),
  ),
  gradientCase('linear', 'to one number', { x: [9, 5], weight: [1, 5], bias: [1] }, ({ x, weight, bias }) =>
    linear(x!, weight!, { bias }),
  ),
  ...[false, true].map((transposed) =>
    gradientCase(
      'linearGradient',
      `${transposed ? 'transposed, ' : ''}differentiated again`,
      { x: [3, 5], weight: transposed ? [5, 2] : [2, 5], bias: [2] },
      ({ x, weight, bias }) => {
        const loss = (p: Parameters): Tensor => {
          const y = linear(p.x!, p.weight!, { bias: p.bias, transposed });
          return reduce(multiply(multiply(y, y), y).reshape([y.size]), 'sum');
        };
        return Object.values(grad(loss)({ x: x!, weight: weight!, bias: bias! }));
      },
    ),
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
  gradientCase(
    'expertLinear',
    'one row to its experts, with biases and one that is none',
    { x: [3, 1, 5], weight: [12, 5], bias: [4, 3] },
    ({ x, weight, bias }, d) =>
      expertLinear(x!, weight!, ids(d, [3, 0, 1, 1, -1, 2], [3, 2]), { experts: 4, bias }),
  ),
];

/** Every operation that gradients pass through, at sizes that do not divide evenly. */
export const gradientCases: readonly GradientCase[] = [
  ...pointwise,
  ...moves,
  ...rowwise,
  ...products,
  ...attentionGradientCases,
];
