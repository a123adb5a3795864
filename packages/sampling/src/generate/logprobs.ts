import { logSumExp } from '../filters/second-logits.ts';
import type { Alternative } from './contract.ts';

/** Log-probability of `id` under `softmax(logits)`, and the `count` best tokens, best first (ties: lower id). */
export function logprobs(
  logits: Float32Array,
  id: number,
  count: number,
): { readonly logprob: number; readonly alternatives: readonly Alternative[] } {
  const sum = logSumExp(logits);
  const best: number[] = [];
  for (let i = 0; i < logits.length && count > 0; i++) {
    const logit = logits[i]!;
    if (logit === -Infinity || (best.length === count && logit <= logits[best.at(-1)!]!)) continue;
    let place = best.length;
    while (place > 0 && logits[best[place - 1]!]! < logit) place--;
    best.splice(place, 0, i);
    if (best.length > count) best.pop();
  }
  return {
    logprob: logits[id]! - sum,
    alternatives: best.map((i) => ({ id: i, logprob: logits[i]! - sum })),
  };
}
