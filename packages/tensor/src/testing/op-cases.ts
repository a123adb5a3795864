import type { Device, DType } from '../contracts/device.ts';
import { run } from '../op.ts';
import { add, geglu, gelu, multiply, relu, silu, swiglu } from '../ops/elementwise.ts';
import { expertLinear } from '../ops/expert-linear.ts';
import { gather } from '../ops/gather.ts';
import { headLinear } from '../ops/head-linear.ts';
import { linear } from '../ops/linear.ts';
import { matmul } from '../ops/matmul.ts';
import { layerNormOp, rmsNorm } from '../ops/norm.ts';
import { argmax, topK } from '../ops/rank.ts';
import { reduce } from '../ops/reduce.ts';
import { rotary } from '../ops/rotary.ts';
import { concat, slice } from '../ops/slices.ts';
import { logSoftmax, softmax } from '../ops/softmax.ts';
import { storeRows } from '../ops/store-rows.ts';
import { type Tensor, tensor, zeros } from '../tensor.ts';
import { attentionCases } from './attention-cases.ts';
import { type OpCase, opCase, spread } from './op-case.ts';
import { primitiveCases } from './primitive-cases.ts';
import { seeded, seededValues } from './seeded.ts';

const ints = (length: number, below: number, seed: number): Int32Array =>
  Int32Array.from(seededValues(length, seed), (value) => Math.floor(((value + 1) / 2) * below));

const products: readonly OpCase[] = [
  ...(
    [
      [1, 1, 1],
      [1, 64, 48],
      [1, 63, 100],
      [2, 3, 5],
      [3, 5, 7],
      [5, 100, 63],
      [64, 33, 4],
    ] as const
  ).flatMap(([N, I, O]) => [
    opCase('linear', `[${N}, ${I}] → ${O}`, (d) => linear(seeded(d, [N, I], 1), seeded(d, [O, I], 2))),
    opCase('linear', `[${N}, ${I}] → ${O}, bias, transposed`, (d) =>
      linear(seeded(d, [N, I], 1), seeded(d, [I, O], 2), { bias: seeded(d, [O], 3), transposed: true }),
    ),
  ]),
  opCase('linear', 'leading axes [2, 3, 1, 6]', (d) =>
    linear(seeded(d, [2, 3, 1, 6], 1), seeded(d, [8, 6], 2), { bias: seeded(d, [8], 3) }),
  ),
  opCase('linear', 'no rows', (d) => linear(seeded(d, [0, 6], 1), seeded(d, [8, 6], 2))),
  opCase('matmul', '[3, 5, 7] · [3, 7, 9]', (d) => matmul(seeded(d, [3, 5, 7], 1), seeded(d, [3, 7, 9], 2))),
  opCase('matmul', '[2, 1, 63] · [1, 63, 8]', (d) =>
    matmul(seeded(d, [2, 1, 63], 1), seeded(d, [1, 63, 8], 2)),
  ),
  opCase('matmul', '[1, 100, 3] · [1, 3, 100]', (d) =>
    matmul(seeded(d, [1, 100, 3], 1), seeded(d, [1, 3, 100], 2)),
  ),
  opCase('headLinear', '[1, 6, 5] · [6, 7, 5]', (d) =>
    headLinear(seeded(d, [1, 6, 5], 1), seeded(d, [6, 7, 5], 2)),
  ),
  opCase('headLinear', '[2, 5, 3, 16] · [3, 8, 16]', (d) =>
    headLinear(seeded(d, [2, 5, 3, 16], 1), seeded(d, [3, 8, 16], 2)),
  ),
  opCase('headLinear', '[7, 2, 16] · [2, 16, 12], transposed', (d) =>
    headLinear(seeded(d, [7, 2, 16], 1), seeded(d, [2, 16, 12], 2), { transposed: true }),
  ),
  ...[1, 2, 9].flatMap((N) => [
    opCase('expertLinear', `[${N}, 1, 5], 3 of 7 experts → 6`, (d) =>
      expertLinear(seeded(d, [N, 1, 5], 1), seeded(d, [42, 5], 2), tensor(d, ints(N * 3, 7, 3), [N, 3]), {
        experts: 7,
      }),
    ),
    opCase('expertLinear', `[${N}, 2, 33], 2 of 4 experts → 16, bias`, (d) =>
      expertLinear(seeded(d, [N, 2, 33], 1), seeded(d, [64, 33], 2), tensor(d, ints(N * 2, 4, 3), [N, 2]), {
        experts: 4,
        bias: seeded(d, [4, 16], 4),
      }),
    ),
  ]),
  opCase('expertLinear', 'ids that are no expert', (d) =>
    expertLinear(
      seeded(d, [2, 1, 3], 1),
      seeded(d, [6, 3], 2),
      tensor(d, Int32Array.of(-1, 1, 2, 0), [2, 2]),
      {
        experts: 2,
        bias: seeded(d, [2, 3], 4),
      },
    ),
  ),
  opCase('expertLinear', 'no rows', (d) =>
    expertLinear(seeded(d, [0, 1, 3], 1), seeded(d, [6, 3], 2), tensor(d, Int32Array.of(), [0, 2]), {
      experts: 2,
    }),
  ),
];

const rowwise: readonly OpCase[] = [1, 3, 63, 100, 1000].flatMap((E) => [
  opCase('rmsNorm', `width ${E}`, (d) => rmsNorm(seeded(d, [3, E], 1), seeded(d, [E], 2))),
  opCase('rmsNorm', `width ${E}, no weight, eps 1e-6`, (d) =>
    rmsNorm(seeded(d, [1, E], 1), undefined, { eps: 1e-6 }),
  ),
  opCase(
    'layerNorm',
    `width ${E}, statistics`,
    (d) =>
      run(
        layerNormOp,
        { x: seeded(d, [2, 5, E], 1), weight: seeded(d, [E], 2), bias: seeded(d, [E], 3) },
        { eps: 1e-5, statistics: true },
      ) as Tensor[],
    { atol: 1e-4 },
  ),
  opCase(
    'layerNorm',
    `width ${E}, no weight`,
    (d) => run(layerNormOp, { x: spread(d, [4, E], 1, 3) }, { eps: 0.1, statistics: false }) as Tensor[],
  ),
  opCase('softmax', `width ${E}`, (d) => softmax(spread(d, [3, E], 1, 30)), { atol: 1e-6, rtol: 1e-4 }),
  opCase('logSoftmax', `width ${E}`, (d) => logSoftmax(spread(d, [1, E], 1, 30)), { atol: 1e-5 }),
  opCase('argmax', `width ${E}`, (d) => argmax(seeded(d, [3, E], 1))),
]);

const hidden = (d: Device): Tensor =>
  tensor(d, [-Infinity, 1, -Infinity, 2, -Infinity, -Infinity, -Infinity, -Infinity], [2, 4]);

/** The lowest number that f32 has is one, and larger than −∞. */
const lowest = (d: Device): Tensor => {
  const least = -3.4028234663852886e38;
  return tensor(d, [least, -Infinity, least, -Infinity, -Infinity, -Infinity, -Infinity, least], [2, 4]);
};

/** Rows that have no number. */
const lost = (d: Device): Tensor =>
  tensor(d, [Number.NaN, -Infinity, -Infinity, -Infinity, -Infinity, Number.NaN], [2, 3]);

const ranks: readonly OpCase[] = [
  opCase('softmax', '−∞ in a row, and a row of nothing else', (d) => softmax(hidden(d))),
  opCase('logSoftmax', '−∞ in a row, and a row of nothing else', (d) => logSoftmax(hidden(d))),
  opCase('softmax', 'the lowest number beside −∞', (d) => softmax(lowest(d))),
  opCase('logSoftmax', 'the lowest number beside −∞', (d) => logSoftmax(lowest(d))),
  opCase('softmax', 'NaN beside −∞', (d) => softmax(lost(d))),
  opCase('logSoftmax', 'NaN beside −∞', (d) => logSoftmax(lost(d))),
  opCase('argmax', 'ties give the first', (d) => argmax(tensor(d, [1, 7, 7, 2, 0, 0, 0, 0], [2, 4]))),
  opCase('argmax', 'width 5000', (d) => argmax(seeded(d, [5000], 3))),
  opCase('topK', '4 of 100', (d) => pair(topK(seeded(d, [3, 100], 1), 4))),
  opCase('topK', 'smallest 3 of 63', (d) => pair(topK(seeded(d, [2, 63], 1), 3, { largest: false }))),
  opCase('topK', 'all, with ties', (d) => pair(topK(tensor(d, [2, 1, 2, 3, 1, 2], [1, 6]), 6))),
  opCase('topK', '2 of 1000', (d) => pair(topK(seeded(d, [1000], 5), 2))),
];

/** NaN of both signs, infinities, both zeros and ties; and a row of nothing but NaN. */
const mixed = (d: Device): Tensor =>
  tensor(
    d,
    [
      [1, Number.NaN, 2, Infinity, -Number.NaN, -Infinity, 2, 0, -0],
      [-1, 3, -Infinity, 3, Number.NaN, 1, -1, 0, 0.5],
      Array<number>(9).fill(Number.NaN),
      [-Infinity, -Infinity, -Infinity, Number.NaN, -Infinity, -1, -2, -3, -4],
    ].flat(),
    [4, 9],
  );

/** NumPy 2: argmax([1, NaN, 2, 3]) is 1; PyTorch 2: topk of it gives NaN, 3 at 1, 3, and NaN last among the smallest. */
const unordered: readonly OpCase[] = [
  opCase('argmax', 'NaN is above every number', (d) => argmax(mixed(d))),
  opCase('argmax', 'NaN far back in a row', (d) =>
    argmax(tensor(d, [...seededValues(4096, 1), Number.NaN, ...seededValues(903, 2), Number.NaN], [5001])),
  ),
  ...[1, 2, 5, 9].flatMap((k) => [
    opCase('topK', `largest ${k}, NaN first`, (d) => pair(topK(mixed(d), k))),
    opCase('topK', `smallest ${k}, NaN last`, (d) => pair(topK(mixed(d), k, { largest: false }))),
  ]),
];

const LONG = 262_144;

/** Numbers of one sign: what each addition rounds off adds up instead of evening out. */
const positive = (d: Device, length: number, seed: number): Tensor =>
  tensor(
    d,
    seededValues(length, seed).map((value) => 0.3 + 0.2 * value),
    [length],
  );

/** All numbers but one are as far below the largest: e^−1.3 again and again. */
const equal = (d: Device): Tensor => tensor(d, new Float32Array(LONG).fill(-1.3, 1), [LONG]);

const aboveOne = (d: Device): Tensor =>
  tensor(
    d,
    Float32Array.from({ length: LONG }, (_, i) => 1 + 1e-4 * (i % 10)),
    [LONG],
  );

const exactly = (rtol: number) => ({ atol: 1e-30, rtol });

/** Sums of 262,144 numbers, to 1e-6 of themselves. */
const longSums: readonly OpCase[] = [
  opCase('softmax', `${LONG} numbers`, (d) => softmax(spread(d, [LONG], 1, 4)), exactly(1e-6)),
  opCase('softmax', `${LONG} equal numbers`, (d) => softmax(equal(d)), exactly(1e-6)),
  opCase('logSoftmax', `${LONG} numbers`, (d) => logSoftmax(spread(d, [LONG], 2, 4)), exactly(1e-6)),
  // each a little above 1: float32 after float32, in pieces of 256, is wrong by 9e-6
  opCase('reduce', `sum of ${LONG} numbers`, (d) => reduce(aboveOne(d), 'sum'), exactly(1e-6)),
  opCase('rmsNorm', `${LONG} numbers`, (d) => rmsNorm(positive(d, LONG, 3)), exactly(1e-6)),
  opCase(
    'layerNorm',
    `${LONG} numbers, statistics`,
    (d) =>
      (run(layerNormOp, { x: positive(d, LONG, 4) }, { eps: 1e-5, statistics: true }) as Tensor[]).slice(1),
    exactly(1e-6),
  ),
];

function pair({ values, indices }: ReturnType<typeof topK>): readonly Tensor<string, DType>[] {
  return [values, indices];
}

const pointwise: readonly OpCase[] = [1, 3, 64, 101].flatMap((n) => [
  opCase('add', `${n}`, (d) => add(seeded(d, [n], 1), seeded(d, [n], 2), { scale: -0.5 })),
  opCase('add', `[5, ${n}] and a row`, (d) => add(seeded(d, [5, n], 1), seeded(d, [n], 2))),
  opCase('multiply', `[2, 3, ${n}] and its last axes`, (d) =>
    multiply(seeded(d, [2, 3, n], 1), seeded(d, [3, n], 2)),
  ),
  opCase('silu', `${n}`, (d) => silu(spread(d, [n], 1, 20))),
  opCase('silu', `${n}, alpha 1.702`, (d) => silu(spread(d, [n], 1, 3), { alpha: 1.702 })),
  opCase('gelu', `${n}`, (d) => gelu(spread(d, [n], 1, 7)), { atol: 2e-6, rtol: 1e-5 }),
  opCase('gelu', `${n}, tanh`, (d) => gelu(spread(d, [n], 1, 7), { kind: 'tanh' }), { atol: 2e-6 }),
  opCase('relu', `${n}`, (d) => relu(seeded(d, [n], 1))),
  opCase('gated', `silu ${n}`, (d) => swiglu(spread(d, [2, n], 1, 9), seeded(d, [2, n], 2))),
  opCase('gated', `gelu ${n}`, (d) => geglu(spread(d, [2, n], 1, 9), seeded(d, [2, n], 2))),
  opCase('gated', `gelu-tanh ${n}`, (d) =>
    geglu(spread(d, [2, n], 1, 9), seeded(d, [2, n], 2), { kind: 'tanh' }),
  ),
]);

/** Rows of `[B, L, ...row]` into zeros `[B, S, ...row]`. */
function storeCase(
  name: string,
  [B, S, L, ...row]: readonly [number, number, number, ...number[]],
  slots: readonly (readonly number[])[],
): OpCase {
  return opCase('storeRows', `${name} [${B}, ${L} of ${S}, ${row}]`, (d) => {
    const target = seeded(d, [B, S, ...row], 1);
    const at = tensor(d, Int32Array.from(slots.flat()), [slots.length, L]);
    storeRows(target, seeded(d, [B, L, ...row], 2), at);
    return target;
  });
}

const stores: readonly OpCase[] = [
  storeCase('a token', [1, 9, 1, 2, 5], [[4]]),
  storeCase('a token of each', [3, 7, 1, 2, 5], [[6], [0], [3]]),
  storeCase('the same slots of all', [2, 8, 3, 4], [[5, 6, 7]]),
  storeCase('a ring that wraps', [2, 5, 4, 3], [[3, 4, 0, 1]]),
  storeCase(
    'nobody, and slots outside',
    [2, 4, 5, 3],
    [
      [-1, 2, 3, 4, -7],
      [0, -1, 1, 100, 3],
    ],
  ),
  storeCase('nobody at all', [1, 4, 2, 3], [[-1, 4]]),
  storeCase('two for one slot', [1, 6, 4, 7], [[2, 3, 2, 3]]),
  storeCase('all, in order', [2, 64, 64, 1, 8], [Array.from({ length: 64 }, (_, l) => l)]),
  storeCase('backwards', [1, 63, 63, 5], [Array.from({ length: 63 }, (_, l) => 62 - l)]),
  storeCase('no tokens', [2, 3, 0, 4], [[]]),
  storeCase('no numbers', [1, 3, 2, 0], [[0, 1]]),
  opCase('storeRows', 'results of operations', (d) => {
    const target = linear(seeded(d, [24, 8], 1), seeded(d, [12, 8], 2)).reshape([2, 12, 12]);
    const rows = linear(seeded(d, [6, 8], 3), seeded(d, [12, 8], 4)).reshape([2, 3, 12]);
    storeRows(target, rows, tensor(d, Int32Array.of(11, 3, 4), [1, 3]));
    return target;
  }),
  opCase('storeRows', 'positions', (d) => {
    const target = tensor(d, new Int32Array(6).fill(-1), [2, 3]);
    const rows = tensor(d, Int32Array.of(7, 8, 2, 3), [2, 2]);
    storeRows(target, rows, tensor(d, Int32Array.of(1, 2, 0, -1), [2, 2]));
    return target;
  }),
  opCase('storeRows', 'slots that were stored', (d) => {
    const slots = zeros(d, [1, 3], 'i32');
    storeRows(slots, tensor(d, Int32Array.of(2, 0), [1, 2]), tensor(d, Int32Array.of(1, 2), [1, 2]));
    const target = seeded(d, [1, 4, 3], 1);
    storeRows(target, seeded(d, [1, 3, 3], 2), slots);
    return target;
  }),
];

const extremes = (d: Device): Tensor => tensor(d, [-1e4, -90, -0, 0, 90, 1e4], [6]);

const saturation: readonly OpCase[] = [
  opCase('silu', 'far from zero', (d) => silu(extremes(d))),
  opCase('gelu', 'far from zero', (d) => gelu(extremes(d))),
  opCase('gelu', 'far from zero, tanh', (d) => gelu(extremes(d), { kind: 'tanh' })),
];

const moves: readonly OpCase[] = [
  opCase('gather', 'rows, and zeros for an id outside', (d) =>
    gather(seeded(d, [7, 5], 1), tensor(d, Int32Array.of(0, 6, 3, 7, -1, 3), [2, 3])),
  ),
  opCase('gather', '100 of [63, 64]', (d) =>
    gather(seeded(d, [63, 64], 1), tensor(d, ints(100, 63, 2), [100])),
  ),
  opCase('slice', '[3, 10] from 4, width 5', (d) => slice(seeded(d, [3, 10], 1), 4, 5)),
  opCase('slice', 'the whole', (d) => slice(seeded(d, [2, 2, 3], 1), 0, 3)),
  opCase('concat', '[3, 5] and [3, 7]', (d) => concat(seeded(d, [3, 5], 1), seeded(d, [3, 7], 2))),
  opCase('concat', '[1, 2, 64] and [1, 2, 16]', (d) =>
    concat(seeded(d, [1, 2, 64], 1), seeded(d, [1, 2, 16], 2)),
  ),
  ...(['half', 'interleaved'] as const).flatMap((layout) =>
    (
      [
        [1, 1, 1, 2, 1],
        [2, 5, 3, 6, 3],
        [1, 7, 2, 10, 3],
        [2, 3, 4, 64, 32],
      ] as const
    ).flatMap(([B, L, H, D, half]) => [
      opCase('rotary', `${layout} [${B}, ${L}, ${H}, ${D}], turns ${2 * half}`, (d) =>
        rotary(
          seeded(d, [B, L, H, D], 1),
          { cos: seeded(d, [20, half], 2), sin: seeded(d, [20, half], 3) },
          tensor(d, ints(B * L, 20, 4), [B, L]),
          { layout },
        ),
      ),
      opCase('rotary', `${layout} [${B}, ${L}, ${H}, ${D}], positions for all, one outside`, (d) =>
        rotary(
          seeded(d, [B, L, H, D], 1),
          { cos: seeded(d, [L, half], 2), sin: seeded(d, [L, half], 3) },
          tensor(
            d,
            Int32Array.from({ length: L }, (_, l) => l + 1),
            [1, L],
          ),
          { layout },
        ),
      ),
    ]),
  ),
];

/**
 * One list for every device: each operation with its features, at sizes that do not divide evenly. `checkDevice`
 * runs it against the reference.
 */
export const opCases: readonly OpCase[] = [
  ...products,
  ...rowwise,
  ...ranks,
  ...unordered,
  ...longSums,
  ...pointwise,
  ...saturation,
  ...moves,
  ...primitiveCases,
  ...stores,
  ...attentionCases,
];
