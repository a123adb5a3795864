import { concat, scope, type Tensor } from '@headwise/tensor';

/**
 * Queries `start … end − 1`, at most `few` at once: what pieces give, side by side along the last axis. Halves are joined
 * in scopes, so that only results outlive their pieces, and a number is copied log(pieces) times.
 *
 * @throws what `piece` throws.
 */
export function inPieces(
  few: number,
  start: number,
  end: number,
  piece: (start: number, count: number) => Tensor,
): Tensor {
  return scope(() => {
    const count = end - start;
    if (count <= few) return piece(start, count);
    const middle = start + few * Math.ceil(count / few / 2);
    return concat(inPieces(few, start, middle, piece), inPieces(few, middle, end, piece));
  });
}
