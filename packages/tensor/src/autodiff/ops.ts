import { sizeOf } from '../axes.ts';
import type { Op } from '../contracts/device.ts';
import type { GradientOps, SpecialGradient } from '../contracts/gradient.ts';
import { run } from '../op.ts';
import { activationGradient } from '../ops/activation-gradient.ts';
import { attentionGradientOp } from '../ops/attention-gradient.ts';
import { binary, where } from '../ops/broadcast.ts';
import { cast } from '../ops/cast.ts';
import { crossEntropyGradientOp } from '../ops/cross-entropy.ts';
import { add, gatedOp, multiply } from '../ops/elementwise.ts';
import { gather } from '../ops/gather.ts';
import { headLinear } from '../ops/head-linear.ts';
import { linear } from '../ops/linear.ts';
import { linearGradientOp } from '../ops/linear-gradient.ts';
import { matmul } from '../ops/matmul.ts';
import { normGradientOp } from '../ops/norm-gradient.ts';
import { permute } from '../ops/permute.ts';
import { reduce } from '../ops/reduce.ts';
import { rotary } from '../ops/rotary.ts';
import { scatterAdd } from '../ops/scatter-add.ts';
import { concat, slice } from '../ops/slices.ts';
import { unary } from '../ops/unary.ts';
import { type Tensor, tensor, zeros } from '../tensor.ts';

const special: Readonly<Record<SpecialGradient, Op>> = {
  attentionGradient: attentionGradientOp,
  crossEntropyGradient: crossEntropyGradientOp,
  linearGradient: linearGradientOp,
  normGradient: normGradientOp,
};

/** What gradient rules are made of. */
export const gradientOps: GradientOps<Tensor> = {
  number: ({ device }, value) => tensor(device, [value], []),
  counting: ({ device }, length) =>
    tensor(
      device,
      Float32Array.from({ length }, (_, i) => i),
      [length],
    ),
  zeros: ({ device }, shape) => zeros(device, shape),
  sumTo,
  spread: (x, shape) => {
    const missing = shape.map((size, axis) =>
      x.shape[axis - shape.length + x.shape.length] === size ? 1 : size,
    );
    return binary(x, zeros(x.device, missing), 'add');
  },
  reshape: (x, shape) => x.reshape(shape),
  scale: (x, by) => binary(x, tensor(x.device, [by], []), 'multiply'),
  add: (a, b) => add(a, b),
  multiply: (a, b) => multiply(a, b),
  binary,
  where,
  unary,
  cast: (x, dtype) => cast(x, dtype) as Tensor,
  reduce,
  permute,
  slice,
  concat,
  linear,
  headLinear,
  matmul,
  gather: (table, ids) => gather(table, ids as unknown as Tensor<string, 'i32'>),
  scatterAdd: (rows, ids, V) => scatterAdd(rows, ids as unknown as Tensor<string, 'i32'>, V),
  gated: (gate, up, kind) => run(gatedOp, { gate, up }, { kind })[0] as Tensor,
  activationGradient: (x, dy, kind, alpha) =>
    activationGradient(x, dy, kind, alpha === undefined ? {} : { alpha }),
  rotary: (x, tables, positions, layout) =>
    rotary(x, tables, positions as unknown as Tensor<string, 'i32'>, { layout }),
  run: (name, inputs, params) => run(special[name], inputs, params) as Tensor[],
};

/** `x` summed over every axis that `shape`, aligned on the right, has not or has as 1. */
function sumTo(x: Tensor, shape: readonly number[]): Tensor {
  const lead = x.shape.length - shape.length;
  const gone = x.shape.flatMap((size, axis) =>
    axis < lead || (shape[axis - lead] === 1 && size !== 1) ? [axis] : [],
  );
  if (gone.length === 0) return x;
  const leading = gone.every((axis, i) => axis === i);
  const E = sizeOf(x.shape.slice(gone.length));
  if (!leading || E === 1 || x.size === 0) return reduce(x, 'sum', gone).reshape(shape);
  // columns are summed up where they lie
  const sums = run(
    linearGradientOp,
    { dy: x.reshape([x.size / E, E]) },
    { transposed: false, wants: ['bias'] },
  );
  return (sums[0] as Tensor).reshape(shape);
}
