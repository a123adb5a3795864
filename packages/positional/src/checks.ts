import { NOBODY, type Positions, ShapeError, Tensor, ValueError } from '@headwise/tensor';
import type { TablePositions } from './contract.ts';

/** @throws {ValueError} unless `ok`. */
export function must(ok: boolean, op: string, argument: string, rule: string, got: unknown): void {
  if (!ok) throw new ValueError(op, argument, rule, got);
}

/** @throws {ValueError} unless a finite number > 0. */
export function mustBePositive(op: string, argument: string, value: number): void {
  must(Number.isFinite(value) && value > 0, op, argument, 'must be a finite number > 0', value);
}

/** @throws {ValueError} unless a whole number ≥ `least`. */
export function mustBeWhole(op: string, argument: string, value: number, least = 1): void {
  must(Number.isInteger(value) && value >= least, op, argument, `must be a whole number ≥ ${least}`, value);
}

/** @throws {ValueError} unless each is a tensor. */
export function mustBeTensors(op: string, tensors: Readonly<Record<string, unknown>>): void {
  for (const [argument, value] of Object.entries(tensors))
    must(Tensor.isInstance(value), op, argument, 'must be a tensor', value);
}

/**
 * One more than the largest position of each row, `[B | 1]`, read from the positions themselves: a hand-made `end` that
 * is too small would turn tokens by rows that are not there. A row of nobody ends at 0.
 *
 * @throws {ValueError} for a position below −1, which is nobody.
 * @throws {ShapeError} if `host` does not fill the shape.
 */
export function endsOf(op: string, positions: Positions): readonly number[] {
  must(
    positions?.host instanceof Int32Array && Tensor.isInstance(positions.tensor),
    op,
    'positions',
    'must come from createPositions',
    positions,
  );
  const { host, shape, end, ends } = positions;
  const [B, L] = shape;
  if (host.length !== B * L) {
    throw new ShapeError(op, `${host.length} positions do not fill [${B}, ${L}]`, []);
  }
  return Array.from({ length: B }, (_, b) => {
    // what is said of a sequence may be more than these positions: it is then longer than its last token here
    let row = Math.max(ends?.[b] ?? 0, B === 1 ? end : 0);
    for (let i = 0; i < L; i++) {
      const position = host[b * L + i]!;
      if (position < NOBODY)
        throw new ValueError(
          op,
          `positions[${b}][${i}]`,
          'must be a whole number ≥ 0, or −1 for nobody',
          position,
        );
      if (position >= row) row = position + 1;
    }
    return row;
  });
}

/** One more than the largest position of all rows. Errors as in `endsOf`. */
export function endOf(op: string, positions: Positions): number {
  return Math.max(0, ...endsOf(op, positions));
}

/**
 * The positions of a table, as a list.
 * @throws {ValueError} for one that is negative or fractional.
 */
export function listOf(op: string, positions: TablePositions): readonly number[] {
  if ('start' in positions) mustBeWhole(op, 'positions.L', positions.L, 0);
  const list =
    'start' in positions
      ? Array.from({ length: positions.L }, (_, i) => positions.start + i)
      : Array.from(positions);
  list.forEach((position, i) => {
    mustBeWhole(op, `positions[${i}]`, position, 0);
  });
  return list;
}
