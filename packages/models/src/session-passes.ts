import { createPositions, type Device, type Positions } from '@headwise/tensor';

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
    last: passes.rows.map(({ length }) => (length > from && length <= from + chunk ? length - from - 1 : -1)),
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
