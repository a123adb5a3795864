import type { TableEncoding } from '@headwise/positional';

/** Rows of an encoding that is added to embeddings, one a position. @throws {ValueError} past the end of its table. */
export async function rowsOf(
  encoding: TableEncoding,
  E: number,
  positions: readonly number[],
): Promise<Float64Array[]> {
  const flat = await encoding.rows(E, positions);
  return positions.map((_, l) => flat.subarray(l * E, (l + 1) * E));
}

/** Whole numbers from 0 to `last`, evenly spread, at most so many; both ends among them. */
export function spread(last: number, most: number): number[] {
  if (last + 1 <= most) return Array.from({ length: last + 1 }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * last) / (most - 1)));
}
