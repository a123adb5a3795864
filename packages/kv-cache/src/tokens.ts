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

/** Consecutive columns of an append that go to consecutive slots of one sequence. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Where the tokens of one append stand, checked: each sequence goes on where it ends. */
export interface Placement {
  /** Columns of the append: tokens that each sequence could have been given. */
  readonly L: number;
  /** What each sequence takes, in order; columns that are nobody's are in no piece. */
  readonly pieces: readonly (readonly Piece[])[];
  /** Tokens that each sequence takes. */
  readonly counts: readonly number[];
  /** Length of each sequence before, and afterwards. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Whether all sequences were equally long and take every column. */
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
    return {
      L: tokens,
      pieces,
      counts: lengths.map(() => tokens),
      before: lengths,
      after: lengths.map((length) => length + tokens),
      even: isLevel(lengths),
    };
  }
  const [rows, L] = checkPositions(op, tokens, lengths.length);
  const pieces = lengths.map((length, b) => {
    const row = rows === 1 ? 0 : b;
    return piecesOf(op, tokens.host.subarray(row * L, (row + 1) * L), length, b);
  });
  const counts = pieces.map((list) => list.reduce((sum, { count }) => sum + count, 0));
  const even = isLevel(lengths) && counts.every((count) => count === L);
  return { L, pieces, counts, before: lengths, after: lengths.map((length, b) => length + counts[b]!), even };
}

function checkPositions(op: string, at: Positions, B: number): readonly [rows: number, L: number] {
  const { host, shape } = at;
  const sound = host instanceof Int32Array && Array.isArray(shape) && host.length === shape[0]! * shape[1]!;
  if (sound && (shape[0] === 1 || shape[0] === B)) return [shape[0]!, shape[1]!];
  const shapes = B === 1 ? '[1, L]' : `[${B}, L] or [1, L]`;
  const rule = `must be positions ${shapes}, as createPositions makes them`;
  throw new ValueError(op, 'at', rule, sound ? `positions [${shape.join(', ')}]` : at);
}

function piecesOf(op: string, positions: Int32Array, length: number, b: number): Piece[] {
  const pieces: { from: number; position: number; count: number }[] = [];
  let next = length;
  positions.forEach((position, from) => {
    if (position === NOBODY) return;
    if (position !== next) {
      const cure =
        position < next ? 'crop it first to write there again' : 'append the tokens before it first';
      const rule = `must be ${next}, where sequence ${b} goes on, or −1 for nobody (${cure})`;
      throw new ValueError(op, `at[${b}][${from}]`, rule, position);
    }
    const piece = pieces.at(-1);
    if (piece && piece.from + piece.count === from) piece.count++;
    else pieces.push({ from, position, count: 1 });
    next++;
  });
  return pieces;
}

/** @throws {ValueError} if one of the sequences would be longer than `most`. */
export function checkRoom(op: string, { L, before, after, counts }: Placement, most: number): void {
  const b = after.findIndex((length) => length > most);
  if (b < 0) return;
  const cure = 'crop or reset the cache, or create it larger';
  const room = Math.max(0, most - before[b]!);
  if (isLevel(before) && counts.every((count) => count === L)) {
    const rule = `must be at most ${room}: ${before[b]} of ${most} tokens are in use (${cure})`;
    throw new ValueError(op, 'L', rule, L);
  }
  const rule = `must be at most ${room}: ${before[b]} of its ${most} tokens are in use (${cure})`;
  throw new ValueError(op, `the tokens of sequence ${b}`, rule, counts[b]);
}

/** Whether all sequences are equally long. */
export function isLevel(lengths: readonly number[]): boolean {
  for (const length of lengths) if (length !== lengths[0]) return false;
  return true;
}

/** For caches whose slot j holds position j. */
export function movesInOrder({ pieces }: Placement): readonly (readonly Move[])[] {
  return pieces.map((list) => list.map(({ from, position, count }) => ({ from, to: position, count })));
}

/**
 * The columns of one sequence's tokens against the slots of their positions, both in order, cut where either run ends.
 * Positions that have no slot go nowhere.
 */
export function movesTo(
  pieces: readonly Piece[],
  slots: readonly { readonly position: number; readonly slot: number; readonly count: number }[],
): Move[] {
  const moves: Move[] = [];
  for (const { position, slot, count } of slots) {
    for (const piece of pieces) {
      const first = Math.max(position, piece.position);
      const end = Math.min(position + count, piece.position + piece.count);
      if (first >= end) continue;
      moves.push({
        from: piece.from + first - piece.position,
        to: slot + first - position,
        count: end - first,
      });
    }
  }
  return moves;
}
