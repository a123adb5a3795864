import type { Candidates } from '../candidates.ts';
import { checkWhole, SamplingError, show } from '../errors.ts';

/** What filters with a cutoff have in common: how many tokens stay. */
export interface KeepOptions {
  /**
   * However strict the cutoff, this many of the best candidates stay (more if several are tied at the edge).
   * Default 1. Beam searches want at least 2.
   */
  readonly minTokensToKeep?: number;
}

/** @throws {SamplingError} if `minTokensToKeep` is not a whole number ≥ 1. */
export function checkKeep(op: string, { minTokensToKeep = 1 }: KeepOptions): number {
  checkWhole(op, 'minTokensToKeep', minTokensToKeep, 1);
  return minTokensToKeep;
}

/** @throws {SamplingError} if `ties` is none of the words a rule knows. */
export function checkTies<Ties extends string>(op: string, ties: Ties, known: readonly Ties[]): Ties {
  if (known.includes(ties)) return ties;
  const words = known.map((word) => `'${word}'`).join(' or ');
  throw new SamplingError(op, `ties must be ${words}, got ${show(ties)}`, { ties });
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
