import type { Candidates } from '../candidates.ts';
import { checkWhole } from '../errors.ts';

export interface KeepOptions {
  /**
   * However strict the cutoff, this many of the best candidates stay (more if several are tied at the edge).
   * Default 1. Beam searches want at least 2.
   */
  readonly minTokensToKeep?: number;
}

export function checkKeep(op: string, { minTokensToKeep = 1 }: KeepOptions): number {
  checkWhole(op, 'minTokensToKeep', minTokensToKeep, 1);
  return minTokensToKeep;
}

/** Keeps `k` candidates, or all if there are fewer; of tokens tied at the edge the lower ids stay. */
export function keepExactly(candidates: Candidates, k: number): void {
  candidates.keepTop(k);
  const { size, logits } = candidates;
  if (size <= k) return;
  let edge = Infinity;
  for (let i = 0; i < size; i++) edge = Math.min(edge, logits[i]!);
  let room = k;
  for (let i = 0; i < size; i++) if (logits[i]! > edge) room--;
  candidates.retain((i) => logits[i]! > edge || room-- > 0);
}
