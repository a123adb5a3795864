import {
  createPositions,
  type Device,
  type Positions,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';

/** Ids outside every vocabulary: where nothing is to be predicted. */
export const IGNORED = -1;

/** Rows of tokens, of lengths of their own, and what is to come after each token; `IGNORED` where it does not count. */
export interface TokenBatch {
  readonly ids: readonly (readonly number[])[];
  readonly targets: readonly (readonly number[])[];
  /** Of each row the lengths of its documents: a token sees its own only. Default one document. */
  readonly documents?: readonly (readonly number[])[] | undefined;
}

/** `[B, L]` ids of rows, filled up on the right, and where they stand. */
export interface Rows {
  readonly ids: Tensor<'B L', 'i32'>;
  readonly positions: Positions;
}

/**
 * Rows as tensors: padding is id 0 at position −1.
 *
 * @param documents of each row the lengths of its documents, whose positions begin at 0. Default one
 * @throws {ValueError} if there is no row, or an empty one, or documents do not fill their row.
 */
export function rowsOf(
  device: Device,
  rows: readonly (readonly number[])[],
  documents?: readonly (readonly number[])[],
): Rows {
  if (rows.length === 0 || rows.some(({ length }) => length === 0))
    throw new ValueError('training', 'batch', 'must be rows of at least one token', `${rows.length} rows`);
  const places = rows.map(({ length }, b) => counted(documents?.[b] ?? [length], length));
  const unlike = places.findIndex((place, b) => place.length !== rows[b]!.length);
  if (unlike >= 0 || (documents && documents.length !== rows.length))
    throw new ValueError(
      'training',
      'documents',
      'must be lengths that fill their rows',
      unlike >= 0
        ? `${documents![unlike]!.join(' + ')} of ${rows[unlike]!.length} tokens`
        : documents!.length,
    );
  return { ids: filled(device, rows, 0), positions: createPositions(device, places) };
}

/** 0, 1, 2, … of each length, and no more than one beyond `most`; nothing where a length is no whole number ≥ 0. */
function counted(lengths: readonly number[], most: number): number[] {
  const places: number[] = [];
  if (!lengths.every((length) => Number.isInteger(length) && length >= 0)) return places;
  for (const length of lengths) for (let i = 0; i < length && places.length <= most; i++) places.push(i);
  return places;
}

/** @throws {ValueError} unless there is one target for each id. */
export function checkTargets(
  op: string,
  rows: readonly (readonly number[])[],
  targets: readonly (readonly number[])[],
): void {
  if (targets.length !== rows.length || targets.some(({ length }, b) => length !== rows[b]!.length))
    throw new ValueError(
      op,
      'targets',
      'must have one target for each id',
      targets.map(({ length }) => length),
    );
}

/** Rows as `[B, L]`, filled up on the right. Never throws. */
export function filled(
  device: Device,
  rows: readonly (readonly number[])[],
  padding: number,
): Tensor<'B L', 'i32'> {
  const L = Math.max(...rows.map(({ length }) => length));
  const values = new Int32Array(rows.length * L).fill(padding);
  for (const [b, row] of rows.entries()) values.set(row, b * L);
  return tensor<'B L'>(device, values, [rows.length, L]);
}
