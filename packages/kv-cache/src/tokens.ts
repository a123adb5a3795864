import { NOBODY, type Positions, type Tokens, ValueError } from '@headwise/tensor';
import { checkCount } from './checks.ts';

/** Consecutive columns of an append that stand at consecutive positions of one sequence. */
export interface Piece {
  /** First column. */
  readonly from: number;
  /** Position of its token. */
  readonly position: number;
  readonly count: number;
}

/** Where the tokens of one append stand, checked: each sequence goes on where it ends. */
export interface Placement {
  /** Columns of the append: tokens that each sequence could have been given. */
  readonly L: number;
  /** What each sequence takes, in order: nothing where its columns are nobody's. */
  readonly pieces: readonly (readonly Piece[])[];
  /** Length of each sequence afterwards. */
  readonly lengths: readonly number[];
  /** Whether all sequences are equally long before and take all columns. */
  readonly even: boolean;
}

/**
 * Places the tokens of one append.
 *
 * @param lengths of the sequences now
 * @throws {ValueError} unless the positions are as many as the sequences and go on where each of them ends.
 */
export function placeTokens(op: string, tokens: Tokens, lengths: readonly number[]): Placement {
  if (typeof tokens !== 'object' || tokens === null) {
    checkCount(op, 'tokens', tokens, 0);
    const pieces = lengths.map((position) => (tokens > 0 ? [{ from: 0, position, count: tokens }] : []));
    const even = lengths.every((length) => length === lengths[0]);
    return { L: tokens, pieces, lengths: lengths.map((length) => length + tokens), even };
  }
  const [rows, L] = checkPositions(op, tokens, lengths.length);
  const pieces = lengths.map((length, b) => {
    const row = rows === 1 ? 0 : b;
    return piecesOf(op, tokens.host.subarray(row * L, (row + 1) * L), length, b);
  });
  const ends = lengths.map((length, b) => pieces[b]!.reduce((end, { count }) => end + count, length));
  const even = ends.every((end, b) => lengths[b] === lengths[0] && end === lengths[b]! + L);
  return { L, pieces, lengths: ends, even };
}

function checkPositions(op: string, at: Positions, B: number): readonly [rows: number, L: number] {
  const { host, shape } = at;
  const sound = host instanceof Int32Array && Array.isArray(shape) && host.length === shape[0]! * shape[1]!;
  if (sound && (shape[0] === 1 || shape[0] === B)) return [shape[0]!, shape[1]!];
  const rule = `must be positions [${B}, L] or [1, L], as createPositions makes them`;
  throw new ValueError(op, 'at', rule, sound ? `positions [${shape.join(', ')}]` : at);
}

function piecesOf(op: string, positions: Int32Array, length: number, b: number): Piece[] {
  const pieces: { from: number; position: number; count: number }[] = [];
  let next = length;
  positions.forEach((position, from) => {
    if (position === NOBODY) return;
    if (position !== next) {
      const rule = `must be ${next}, where sequence ${b} goes on, or −1 for nobody (crop it to ${position} first to write there again)`;
      const ahead = `must be ${next}, where sequence ${b} goes on, or −1 for nobody (append the tokens before it first)`;
      throw new ValueError(op, `at[${b}][${from}]`, position < next ? rule : ahead, position);
    }
    const piece = pieces.at(-1);
    if (piece && piece.from + piece.count === from) piece.count++;
    else pieces.push({ from, position, count: 1 });
    next++;
  });
  return pieces;
}
