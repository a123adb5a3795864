/**
 * Parameters of attention with the `offset` and `valid` of a cursor, where there is one: `valid` is held within the
 * `Lk` slots that there are, as the reference sees it. Never throws.
 */
export function atCursor<Params extends { readonly offset: number; readonly valid: number }>(
  params: Params,
  cursor: ArrayLike<number> | undefined,
  Lk: number,
): Params {
  if (!cursor) return params;
  return { ...params, offset: cursor[0]!, valid: Math.max(0, Math.min(cursor[1]!, Lk)) };
}
