import { rowsOf, type WeightSource } from '../weight-sources.ts';

/**
 * Queries, keys or values out of one matrix `[Hkv · (H / Hkv + 2) · D, E]`, or out of its bias without the last axis: of
 * each group of heads first its queries, then its key, then its value. One group is the layout of multi-query
 * attention, as many as there are heads that of multi-head attention. Never throws.
 *
 * @param which `q`, `k` or `v`
 */
export function ofGroups(
  fused: WeightSource,
  which: string,
  { H, Hkv, D }: { readonly H: number; readonly Hkv: number; readonly D: number },
): WeightSource {
  const G = H / Hkv;
  // what has other rows is reported by its own shape
  if (fused.shape?.[0] !== Hkv * (G + 2) * D) return fused;
  const [start, count] = which === 'q' ? [0, G] : [which === 'k' ? G : G + 1, 1];
  return rowsOf(
    fused,
    Array.from({ length: Hkv }, (_, group) => [(group * (G + 2) + start) * D, count * D] as const),
  );
}
