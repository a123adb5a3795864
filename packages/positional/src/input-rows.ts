import { add, gather, type Positions, type Tensor } from '@headwise/tensor';

/** The axes of positions beside x `[B, L, E]`: `[1, L]` serves every sequence. */
export function positionAxes({ shape }: Positions): 'B L' | '1 L' {
  return shape[0] === 1 ? '1 L' : 'B L';
}

/**
 * `x[b, l] + table[rows[b, l]]`.
 *
 * @param x `[B, L, E]`
 * @param table `[N, E]`
 * @param rows `[B | 1, L]` i32
 */
export function addRows(x: Tensor<'B L E'>, table: Tensor, rows: Tensor<'B L', 'i32'>): Tensor<'B L E'> {
  const [, L, E] = x.shape as [number, number, number];
  const found = gather<'B L E'>(table, rows);
  // rows of one sequence are repeated over all: add broadcasts over leading axes that are absent
  const sum = add(x, rows.shape[0] === 1 ? found.reshape<'L E'>([L, E]) : found);
  found.dispose();
  return sum;
}
