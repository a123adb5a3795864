import {
  binary,
  concat,
  defineOp,
  matmul,
  reduce,
  run,
  ShapeError,
  slice,
  type Tensor,
  tensor,
  zeros,
} from '@headwise/tensor';

/**
 * What stands behind each number of a row, summed.
 *
 * ```text
 * x [..., L]
 * y [..., L]    y[j] = Σ_{l > j} x[l]; the last is 0
 * ```
 *
 * Sums that begin at the end of a row are exact where they are small, however long the row: the difference of two
 * sums from its beginning would be as far off as those are large.
 */
export const sumsAfterOp = defineOp<{ x: Tensor }, Record<never, never>>({
  name: 'sumsAfter',
  outputs({ x }) {
    if (x.shape.length === 0)
      throw new ShapeError('sumsAfter', 'x has no axis to sum along', [{ name: 'x', axes: [], shape: [] }]);
    return [{ shape: x.shape, dtype: 'f32' }];
  },
  reference({ x }) {
    const L = x.shape.at(-1)!;
    const y = new Float64Array(x.data.length); // [..., L]
    for (let row = 0; row < x.data.length; row += L)
      for (let j = L - 2; j >= 0; j--) y[row + j] = y[row + j + 1]! + x.data[row + j + 1]!;
    return [y];
  },
  lower({ x }) {
    const L = x.shape.at(-1)!;
    if (L === 0 || x.size === 0) return [x.reshape(x.shape)];
    return [rowsAfter(x.reshape([x.size / L, L])).reshape(x.shape)];
  },
});

/** Numbers that one product sums. */
const BLOCK = 32;

/** `[R, L]` in blocks: a triangle of ones sums within a block, and the sums of the blocks are summed alike. */
function rowsAfter(x: Tensor): Tensor {
  const [R, L] = x.shape as [number, number];
  const width = Math.min(BLOCK, L);
  const blocks = Math.ceil(L / width);
  const missing = blocks * width - L;
  const whole = missing > 0 ? concat(x, zeros(x.device, [R, missing])) : x;
  const triangle = Float32Array.from({ length: width * width }, (_, n) =>
    Math.floor(n / width) > n % width ? 1 : 0,
  );
  const within = matmul(
    whole.reshape([1, R * blocks, width]),
    tensor<'G K N'>(x.device, triangle, [1, width, width]),
  ).reshape([R, blocks, width]);
  if (blocks === 1) return within.reshape([R, L]);
  const later = rowsAfter(reduce(whole.reshape([R, blocks, width]), 'sum').reshape([R, blocks]));
  const all = binary(within, later.reshape([R, blocks, 1]), 'add').reshape([R, blocks * width]);
  return missing > 0 ? slice(all, 0, L) : all;
}

/**
 * `y[..., j] = Σ_{l > j} x[..., l]` along the last axis.
 *
 * @throws {ShapeError} if x has no axis.
 * @throws {DeviceError} if x is disposed.
 */
export function sumsAfter(x: Tensor): Tensor {
  return run(sumsAfterOp, { x }, {})[0] as Tensor;
}
