import { bindAxes } from '../axes.ts';
import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { f32 } from './rows.ts';

/**
 * Batched matrix product `c[g] = a[g] · b[g]`; one `b` may serve every `g`.
 *
 * ```text
 * a [G, M, K]
 * b [G, K, N] or [1, K, N]
 * → [G, M, N]
 * ```
 */
export const matmulOp = defineOp<{ a: Tensor; b: Tensor }, Record<never, never>>({
  name: 'matmul',
  outputs({ a, b }) {
    const { G, M, N } = bindAxes('matmul', { a: [a, 'G M K'], b: [b, b.shape[0] === 1 ? '1 K N' : 'G K N'] });
    return [f32([G, M, N!])];
  },
  reference({ a, b }) {
    const [G, M, K] = a.shape as [number, number, number];
    const N = b.shape[2]!;
    const c = new Float64Array(G * M * N); // [G, M, N]
    for (let g = 0; g < G; g++) {
      const bStart = b.shape[0] === 1 ? 0 : g * K * N;
      for (let m = 0; m < M; m++) {
        for (let n = 0; n < N; n++) {
          let sum = 0;
          for (let k = 0; k < K; k++) sum += a.data[(g * M + m) * K + k]! * b.data[bStart + k * N + n]!;
          c[(g * M + m) * N + n] = sum;
        }
      }
    }
    return [c];
  },
  gradient: {
    keeps: (wants) => [...(wants('a') ? ['b' as const] : []), ...(wants('b') ? ['a' as const] : [])],
    rule({ inputs: { a, b }, shapes, dy, wants }, ops) {
      const turned = (x: typeof dy) => ops.permute(x, [0, 2, 1]);
      const [G, M, K] = shapes.a as [number, number, number];
      // one b for all: the products are rows of one
      const one = shapes.b[0] === 1;
      const rows = (x: typeof dy, width: number) => (one ? ops.reshape(x, [1, G * M, width]) : x);
      return {
        a: wants('a') ? ops.matmul(dy, turned(b)) : undefined,
        b: wants('b') ? ops.matmul(turned(rows(a, K)), rows(dy, dy.shape[2]!)) : undefined,
      };
    },
  },
});

/**
 * Batched matrix product.
 *
 * @param a `[G, M, K]`
 * @param b `[G, K, N]`, or `[1, K, N]` for all
 * @returns `[G, M, N]`
 * @throws {ShapeError} if batch or inner sizes disagree.
 */
export function matmul(a: Tensor, b: Tensor): Tensor<'G M N'> {
  return run(matmulOp, { a, b }, {})[0] as Tensor<'G M N'>;
}
