import { silu, storePart } from './elementwise';
import { at, giveSign, int, ptr } from './job';
import { some } from './rowwise';
import { madd, one, splat } from './vector';

/**
 * The short convolution before a recurrence: each channel is mixed with its own last W tokens, then SiLU; some tokens of one
 * sequence a task. Four channels lie side by side.
 *
 * ```text
 * y[t] = silu(Σ_j weight[:, j] · rows[t + j]),   rows = tail, then x
 *
 * arguments  0 x [B, L, C], 1 tail [B, W − 1, C], 2 weight [C, W], 3 y, 4 the last W − 1 rows, 5 L, 6 C, 7 W,
 *            8 tokens a task, 9 tasks a sequence
 * scratch    weight turned [W, C up to 4 more]
 * ```
 */
export function shortConvolutionTask(task: i32, scratch: usize): void {
  const L = int(5), C = int(6), W = int(7), each = int(8), tasks = int(9);
  const b = task / tasks, first = (task - b * tasks) * each, end = min(first + each, L), wide = (C + 3) & ~3;
  for (let c = 0; c < C; c++)
    for (let j = 0; j < W; j++) store<f32>(at(scratch, j * wide + c), load<f32>(at(ptr(2), c * W + j)));
  for (let t = first; t < end; t++) {
    giveSign();
    const y = at(ptr(3), (b * L + t) * C);
    // few rows at a time are in use: their channels are read from the nearest cache
    for (let c = 0; c < C; c += 4) {
      const left = C - c;
      let sum = splat(0);
      for (let j = 0; j < W; j++) sum = madd(v128.load(at(scratch, j * wide + c)), some(at(rowAt(b, t + j), c), left), sum);
      sum = silu(sum, one());
      if (left >= 4) v128.store(at(y, c), sum);
      else storePart(at(y, c), sum, left);
    }
  }
  if (task - b * tasks !== tasks - 1) return;
  for (let t = 0; t < W - 1; t++) memory.copy(at(ptr(4), (b * (W - 1) + t) * C), rowAt(b, L + t), <usize>C << 2);
}

/** Row t of the tail, and then of x. */
// @ts-ignore: decorator
@inline function rowAt(b: i32, t: i32): usize {
  const P = int(7) - 1, C = int(6);
  return t < P ? at(ptr(1), (b * P + t) * C) : at(ptr(0), (b * int(5) + t - P) * C);
}
