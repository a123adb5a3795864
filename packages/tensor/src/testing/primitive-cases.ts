import type { Device } from '../contracts/device.ts';
import { type BinaryKind, binary, where } from '../ops/broadcast.ts';
import { cast } from '../ops/cast.ts';
import { permute } from '../ops/permute.ts';
import { reduce } from '../ops/reduce.ts';
import { scatterAdd } from '../ops/scatter-add.ts';
import { type UnaryKind, unary } from '../ops/unary.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { type OpCase, opCase, spread } from './op-case.ts';
import { seeded, seededValues } from './seeded.ts';

const anySign: readonly UnaryKind[] = ['exp', 'tanh', 'sigmoid', 'abs', 'floor', 'elu+1'];
const positive: readonly UnaryKind[] = ['log', 'sqrt', 'reciprocal'];
const kinds: readonly BinaryKind[] = [
  'add',
  'subtract',
  'multiply',
  'divide',
  'maximum',
  'minimum',
  'less',
  'less-equal',
  'equal',
];

/** Numbers from 0.1 to 8. */
const above = (device: Device, shape: readonly number[], seed: number): Tensor =>
  tensor(
    device,
    seededValues(
      shape.reduce((size, axis) => size * axis, 1),
      seed,
    ).map((value) => 4.05 + 3.95 * value),
    shape,
  );

const pointwise: readonly OpCase[] = [1, 3, 101].flatMap((n) => [
  ...anySign.map((kind) =>
    opCase('unary', `${kind} ${n}`, (d) => unary(spread(d, [n], 1, 12), kind), { atol: 2e-6, rtol: 1e-5 }),
  ),
  ...positive.map((kind) =>
    opCase('unary', `${kind} ${n}`, (d) => unary(above(d, [n], 1), kind), { atol: 2e-6, rtol: 1e-5 }),
  ),
]);

const repeated: readonly OpCase[] = kinds.flatMap((kind) =>
  (
    [
      [[7], [7]],
      [[5, 3], [3]],
      [
        [5, 1],
        [1, 7],
      ],
      [
        [2, 1, 3, 1],
        [4, 1, 5],
      ],
      [
        [2, 3, 1, 4, 5],
        [3, 2, 1, 5],
      ],
      [[3], []],
    ] as const
  ).map(([a, b]) =>
    opCase('binary', `${kind} [${a.join(', ')}] and [${b.join(', ')}]`, (d) =>
      // rounded, so that some are equal
      binary(
        unary(spread(d, a, 1, 4), 'floor'),
        kind === 'divide' ? above(d, b, 2) : unary(spread(d, b, 2, 4), 'floor'),
        kind,
      ),
    ),
  ),
);

const spoiled = (d: Device): Tensor => tensor(d, [Number.NaN, 2, Infinity, -Infinity, 5, 6], [2, 3]);

/** A number, and many that are not large. */
const among = (value: number): readonly number[] => [value, ...Array<number>(32).fill(1)];

const moved: readonly OpCase[] = [
  opCase('where', 'what is not taken changes nothing', (d) =>
    where(
      tensor(d, [0, 1, 0, -1, 1, 2], [2, 3]),
      seeded(d, [3], 1),
      where(tensor(d, [1, 1, 0, 0, 1, 1], [2, 3]), seeded(d, [2, 1], 2), spoiled(d)),
    ),
  ),
  opCase('where', 'repeats all three', (d) =>
    where(spread(d, [2, 1, 3], 1, 1), seeded(d, [5, 1], 2), seeded(d, [2, 1, 1], 3)),
  ),
  ...(
    [
      [
        [3, 5],
        [1, 0],
      ],
      [
        [2, 3, 5],
        [0, 2, 1],
      ],
      [
        [2, 3, 5, 7],
        [0, 2, 1, 3],
      ],
      [
        [2, 3, 4, 5, 3],
        [4, 2, 0, 3, 1],
      ],
      [[7], [0]],
      [
        [0, 3],
        [1, 0],
      ],
    ] as const
  ).map(([shape, axes]) =>
    opCase('permute', `[${shape.join(', ')}] to ${axes.join(' ')}`, (d) =>
      permute(seeded(d, shape, 1), axes),
    ),
  ),
  ...(['sum', 'max', 'min'] as const).flatMap((kind) => [
    opCase('reduce', `${kind} of rows of 1, 16, 37`, (d) =>
      [1, 16, 37].map((E) => reduce(seeded(d, [3, E], E), kind)),
    ),
    opCase('reduce', `${kind} over axes 0 and 2 of 4`, (d) =>
      reduce(seeded(d, [3, 2, 5, 7], 1), kind, [0, -2]),
    ),
    opCase('reduce', `${kind} of one row to one number`, (d) => reduce(seeded(d, [19], 1), kind)),
  ]),
  opCase('reduce', 'sum of 100,000', (d) => reduce(above(d, [1, 100_000], 1), 'sum'), { rtol: 1e-6 }),
  // the correction of a long sum is ∞ − ∞ there
  opCase('reduce', 'sum that is infinite, or NaN', (d) =>
    reduce(
      tensor(
        d,
        [Infinity, 0, 0, 0, 0, -Infinity, Infinity, -Infinity, Number.NaN, 0].flatMap(among),
        [5, 66],
      ),
      'sum',
    ),
  ),
  opCase('reduce', 'sum of nothing', (d) => reduce(tensor(d, [], [3, 0]), 'sum')),
  opCase('cast', 'positions and back', (d) => {
    const positions = tensor(d, Int32Array.of(-1, 0, 7, 16_777_216), [2, 2]);
    return [cast(positions, 'f32'), cast(cast(positions, 'f32'), 'i32')];
  }),
  opCase('cast', 'towards zero', (d) => cast(tensor(d, [-1.5, -0.4, 0.4, 1.5, 2], [5]), 'i32')),
  opCase('scatterAdd', 'ids twice, never, and outside', (d) =>
    scatterAdd(seeded(d, [2, 3, 5], 1), tensor(d, Int32Array.of(3, 0, 3, -1, 7, 3), [2, 3]), 4),
  ),
  opCase('scatterAdd', '100 rows of 33 to 7', (d) =>
    scatterAdd(
      seeded(d, [100, 33], 1),
      tensor(
        d,
        Int32Array.from({ length: 100 }, (_, n) => (n * n) % 7),
        [100],
      ),
      7,
    ),
  ),
];

/** The operations that compositions are made of. */
export const primitiveCases: readonly OpCase[] = [...pointwise, ...repeated, ...moved];
