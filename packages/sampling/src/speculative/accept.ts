import type { Random } from '../random/contract.ts';
import type { Distribution } from '../sampler.ts';
import type { Proposed } from './contract.ts';

/**
 * The acceptance rule of speculative sampling, which leaves the target distribution unchanged.
 *
 * ```text
 * accept x with probability min(1, p(x) / q(x)); otherwise draw from max(0, p − q), renormalised
 * ```
 *
 * @returns the token that comes and whether it is the proposed one.
 * @see Leviathan, Kalman and Matias 2023, "Fast Inference from Transformers via Speculative Decoding",
 * {@link https://arxiv.org/abs/2211.17192}
 */
export function acceptOrCorrect(
  target: Distribution,
  { id, distribution }: Proposed,
  random: Random,
): { readonly id: number; readonly accepted: boolean } {
  const q = distribution ? probabilityOf(distribution, id) : 1;
  if (random.next() * q < probabilityOf(target, id)) return { id, accepted: true };
  const { ids, probabilities } = target;
  const draft = (token: number) => (distribution ? probabilityOf(distribution, token) : token === id ? 1 : 0);
  const rest = probabilities.map((p, i) => Math.max(0, p - draft(ids[i]!)));
  return { id: drawFrom({ ids, probabilities: rest }, random), accepted: false };
}

/** A draw by the inverse of the cumulative sum; the probabilities need not add up to one. */
export function drawFrom({ ids, probabilities }: Distribution, random: Random): number {
  let total = 0;
  for (let i = 0; i < probabilities.length; i++) total += probabilities[i]!;
  const target = random.next() * total;
  let sum = 0;
  let last = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i] === 0) continue;
    sum += probabilities[i]!;
    last = i;
    if (sum > target) break;
  }
  return ids[last]!;
}

/** Probability of a token; 0 if it is not in the distribution. */
export function probabilityOf({ ids, probabilities }: Distribution, id: number): number {
  let low = 0;
  let high = ids.length - 1;
  while (low <= high) {
    const mid = (low + high) >> 1;
    if (ids[mid] === id) return probabilities[mid]!;
    if (ids[mid]! < id) low = mid + 1;
    else high = mid - 1;
  }
  return 0;
}
