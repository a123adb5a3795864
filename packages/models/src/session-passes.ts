import {
  checkIds,
  createPositions,
  type Device,
  gather,
  NOBODY,
  type Positions,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import type { StepIds } from './session-contract.ts';
import type { Texts } from './session-texts.ts';

/** One step as it is computed: what each sequence brings, from where, in how many passes. */
export interface Passes {
  /** Ids of each sequence: the new ones, or its whole text where that is read again. */
  readonly rows: readonly (readonly number[])[];
  /** Position of the first of them. */
  readonly starts: readonly number[];
  /** Lengths afterwards. */
  readonly ends: readonly number[];
  /** Most tokens of a sequence in one pass. */
  readonly chunk: number;
}

/** One pass: the same, of a piece. */
export interface Pass {
  readonly rows: readonly (readonly number[])[];
  readonly positions: Positions;
  /** `[B, L]`, filled up with 0 on the right. */
  readonly ids: Int32Array;
  readonly L: number;
  /** Place of each sequence's last token of the step; −1 where it is in another pass. */
  readonly last: readonly number[];
}

/** One sequence or several, as rows. Never throws. */
export function rowsIn(ids: StepIds): readonly (readonly number[])[] {
  return (typeof ids[0] === 'number' || ids.length === 0 ? [ids] : ids) as readonly (readonly number[])[];
}

/**
 * What each sequence brings.
 *
 * @param lengths of the sequences now
 * @param limit most positions of a sequence
 * @throws {ValueError} unless there is a row for each, with ids of the vocabulary, for which there is room.
 */
export function checkedRows(
  ids: StepIds,
  lengths: readonly number[],
  V: number,
  limit: number,
): readonly (readonly number[])[] {
  const rows = rowsIn(ids);
  const B = lengths.length;
  if (rows.length !== B) throw new ValueError('session', 'ids', `must be ${B} rows`, rows.length);
  const counts = rows.map(({ length }) => length);
  if (counts.every((count) => count === 0))
    throw new ValueError('session', 'ids', 'must bring at least one token', counts);
  rows.forEach((row, b) => {
    checkIds('session', row, V);
    const room = limit - lengths[b]!;
    if (row.length <= room) return;
    const rule = `must be at most ${room} tokens (${limit} positions, ${lengths[b]} of them taken; a session with a larger capacity has more)`;
    throw new ValueError('session', 'ids', rule, row.length);
  });
  return rows;
}

/** A pass that has gone through the model. */
export interface Ran {
  readonly x: Tensor<'B L E'>;
  readonly pass: Pass;
}

/**
 * What a step brings: the new tokens, and where the angles of kept keys change with the length the whole text once more.
 *
 * @param before lengths
 * @throws {ValueError} for a chunk that is no count, or a text to read again that is not known.
 */
export function planPasses(
  rows: readonly (readonly number[])[],
  before: readonly number[],
  texts: Texts,
  chunk: number = Infinity,
): Passes {
  checkChunk(chunk);
  const ends = rows.map((row, b) => before[b]! + row.length);
  const again = rows.map((row, b) => row.length > 0 && texts.turnsAnew(b, before[b]!, ends[b]!));
  const whole = rows.map((row, b) => {
    if (!again[b]) return row;
    const text = texts.of(b, before[b]!);
    if (text) return [...text, ...row];
    const rule = `must stay below the length where the keys of earlier tokens turn by other angles, since the text of sequence ${b} is not known (it was loaded): crop to 0 and give all of it`;
    throw new ValueError('session', 'ids', rule, `${ends[b]} tokens`);
  });
  const starts = before.map((length, b) => (again[b] ? 0 : length));
  const longest = Math.max(...whole.map(({ length }) => length));
  return { rows: whole, starts, ends, chunk: Math.min(chunk, longest) };
}

/** @throws {ValueError} unless it is a count of tokens. */
export function checkChunk(chunk: number): void {
  if (chunk === Infinity || (Number.isInteger(chunk) && chunk >= 1)) return;
  throw new ValueError('session', 'chunk', 'must be a whole number ≥ 1', chunk);
}

/** Whether a sequence is read again from its first token. Never throws. */
export function readsAgain({ starts }: Passes, before: readonly number[]): boolean {
  return starts.some((start, b) => start < before[b]!);
}

/** `[B, E]`, the last token of each sequence that ends in this pass, zeros for the others; undefined where none does. */
export function lastTokens({ x, pass }: Ran): Tensor<'B E'> | undefined {
  if (pass.last.every((place) => place === NOBODY)) return undefined;
  const [B, L, E] = x.shape as [number, number, number];
  const places = Int32Array.from(pass.last, (place, b) => (place === NOBODY ? NOBODY : b * L + place));
  return gather(x.reshape([B * L, E]), tensor<'B'>(x.device, places, [B]));
}

/** `[B, L, E]` without the tokens that were read again: `counts` of each sequence, at its end, are new. */
export function newTokens({ x, pass }: Ran, counts: readonly number[]): Tensor<'B L E'> {
  const [B, L, E] = x.shape as [number, number, number];
  const most = Math.max(...counts);
  if (counts.every((count, b) => pass.last[b]! + 1 === count)) return x;
  const places = Int32Array.from({ length: B * most }, (_, i) => {
    const [b, at] = [Math.floor(i / most), i % most];
    return at < counts[b]! ? b * L + pass.last[b]! + 1 - counts[b]! + at : NOBODY;
  });
  return gather(x.reshape([B * L, E]), tensor<'B L'>(x.device, places, [B, most]));
}

/** How many passes. Never throws. */
export function countPasses({ rows, chunk }: Pick<Passes, 'rows' | 'chunk'>): number {
  return Math.ceil(Math.max(...rows.map(({ length }) => length)) / chunk);
}

/** The n-th pass, with its positions on the device. */
export function passAt(device: Device, passes: Passes, n: number): Pass {
  const { chunk, ends } = passes;
  const from = n * chunk;
  const rows = passes.rows.map((row) => row.slice(from, from + chunk));
  const starts = passes.starts.map((start, b) => start + Math.min(from, passes.rows[b]!.length));
  const L = Math.max(...rows.map(({ length }) => length));
  const positions = positionsOf(device, rows, starts, countPasses(passes) > 1 ? ends : undefined);
  return {
    rows,
    positions,
    L,
    ids: Int32Array.from(rows.flatMap((row) => [...row, ...new Array<number>(L - row.length).fill(0)])),
    last: passes.rows.map(({ length }) =>
      length > from && length <= from + chunk ? length - from - 1 : NOBODY,
    ),
  };
}

/**
 * Where the new tokens stand: in one row for all sequences while they are equally long.
 *
 * @param ends lengths of the whole texts of which these are pieces: angles that follow the length are theirs from the
 * first piece on
 */
function positionsOf(
  device: Device,
  rows: readonly (readonly number[])[],
  starts: readonly number[],
  ends?: readonly number[],
): Positions {
  const alike = rows.every(
    (row, b) => row.length === rows[0]!.length && starts[b] === starts[0] && ends?.[b] === ends?.[0],
  );
  const made = alike
    ? createPositions(device, { start: starts[0]!, L: rows[0]!.length })
    : createPositions(
        device,
        rows.map((row, b) => row.map((_, i) => starts[b]! + i)),
      );
  if (!ends) return made;
  return { ...made, end: Math.max(...ends), ends: alike ? ends.slice(0, 1) : ends };
}
