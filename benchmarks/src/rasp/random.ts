import { hash, hashAt } from '@headwise/training';

/** Whole numbers that follow from the words they were made of: the same for everybody. */
export interface Random {
  /** 0 … below − 1 */
  below(below: number): number;
}

export function randomOf(...words: readonly number[]): Random {
  const key = hash(...words);
  let drawn = 0;
  return { below: (below) => Math.floor((hashAt(key, drawn++) / 2 ** 32) * below) };
}

export function numbers(random: Random, n: number, below: number): number[] {
  return Array.from({ length: n }, () => random.below(below));
}

/** n different numbers below `below`, in any order. */
export function different(random: Random, n: number, below: number): number[] {
  const all = Array.from({ length: below }, (_, i) => i);
  for (let i = 0; i < n; i++) {
    const j = i + random.below(below - i);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all.slice(0, n);
}
