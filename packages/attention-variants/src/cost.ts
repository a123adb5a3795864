import type { Cost, ScoreParts } from './contract.ts';

/**
 * Pairs of a query and a key that it sees, for `Lq` queries at the end of `Lk` tokens. Modifiers are not looked
 * into: a variant whose mask hides more says so itself.
 */
export function seenPairs(
  Lq: number,
  Lk: number,
  {
    causal,
    window = [Infinity, Infinity],
    sinkTokens = 0,
  }: Pick<ScoreParts, 'causal' | 'window' | 'sinkTokens'>,
): number {
  if (!causal && window.every((side) => side === Infinity)) return Lq * Lk;
  let pairs = 0;
  for (let position = Math.max(0, Lk - Lq); position < Lk; position++) {
    const first = Math.max(0, position - window[0]);
    const last = Math.min(Lk - 1, position + (causal ? 0 : window[1]));
    pairs += last - first + 1 + Math.min(sinkTokens, first);
  }
  return pairs;
}

/** What the parts of a layer's cost add up to. */
export function sumCost(parts: {
  /** Tokens that pass through the projections: B · Lq. */
  readonly tokens: number;
  /** Numbers of the weights, each multiplied once a token. */
  readonly weights: number;
  readonly attentionFlops: number;
  readonly stateReads: number;
}): Cost {
  return {
    flops: 2 * parts.tokens * parts.weights + parts.attentionFlops,
    attentionFlops: parts.attentionFlops,
    stateReads: parts.stateReads,
    weightReads: parts.weights,
  };
}
