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
  let pairs = 0;
  for (let position = Math.max(0, Lk - Lq); position < Lk; position++) {
    const last = causal ? Math.min(Lk - 1, Math.max(position, prefix - 1)) : Lk - 1;
    const near = [Math.max(0, position - window[0]), Math.min(last, position + window[1])] as const;
    const sinks = Math.min(last, sinkTokens - 1);
    const keys = (first: number, end: number): number => keysBetween(first, end, position, segments);
    pairs += keys(...near) + keys(0, sinks) - keys(near[0], Math.min(near[1], sinks));
  }
  return pairs;
}

/** Keys from `first` to `last` that stand in the segment of a position, or are anchors of others. */
function keysBetween(
  first: number,
  last: number,
  position: number,
  segments: ScoreParts['segments'],
): number {
  if (!segments) return Math.max(0, last - first + 1);
  const { length, anchors } = segments;
  const start = position - (position % length);
  const [from, to] = [Math.max(first, start), Math.min(last, start + length - 1)];
  const own = Math.max(0, to - from + 1);
  if (!anchors || last < first) return own;
  const anchorsUpTo = (end: number): number => Math.floor((end + 1) / length);
  const all = anchorsUpTo(last) - anchorsUpTo(first - 1);
  return own + all - (own > 0 ? anchorsUpTo(to) - anchorsUpTo(from - 1) : 0);
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
