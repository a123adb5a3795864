import type { Cost, ScoreParts } from './contract.ts';

/**
 * Pairs of a query and a key that it sees, for `Lq` queries at the end of `Lk` tokens. Modifiers are not looked
 * into: a variant whose mask hides more says so itself. Never throws.
 */
export function seenPairs(
  Lq: number,
  Lk: number,
  {
    causal,
    prefix = 0,
    window = [Infinity, Infinity],
    sinkTokens = 0,
    segments,
  }: Pick<ScoreParts, 'causal' | 'prefix' | 'window' | 'sinkTokens' | 'segments'>,
): number {
  if (!causal && window.every((side) => side === Infinity)) return Lq * Lk;
  let pairs = 0;
  for (let position = Math.max(0, Lk - Lq); position < Lk; position++) {
    const start = segments ? position - (position % segments.length) : 0;
    const end = segments ? start + segments.length - 1 : Infinity;
    const first = Math.max(0, start, position - window[0]);
    const ahead = causal ? Math.max(position, prefix - 1) : position + window[1];
    const last = Math.min(Lk - 1, end, ahead);
    const anchors = segments?.anchors ? Math.floor(position / segments.length) : 0;
    pairs += last - first + 1 + Math.min(sinkTokens, first) + anchors;
  }
  return pairs;
}

/** What the parts of a layer's cost add up to. Never throws. */
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
