import type { BatchStep } from '../searches/contract.ts';
import { normalRow, softmax } from './tools.ts';

/** A model that looks at the last token only: small enough to try every sequence. */
export interface Markov {
  readonly vocabulary: number;
  /** `[V]` logits after a token. */
  row(last: number): Float32Array;
  /** Log-probability of each next token. */
  logprobs(last: number): readonly number[];
  /** For searches; the sequences it was called with are kept. */
  readonly step: BatchStep;
  readonly calls: (readonly (readonly number[])[])[];
}

export function createMarkov(seed: number, vocabulary: number, spread = 1.5): Markov {
  const rows = Array.from({ length: vocabulary }, (_, id) => normalRow(seed * 100 + id, vocabulary, spread));
  const calls: (readonly (readonly number[])[])[] = [];
  const row = (last: number) => rows[last]!;
  return {
    vocabulary,
    row,
    logprobs: (last) => softmax(row(last)).map(Math.log),
    step(sequences) {
      calls.push(sequences.map((ids) => [...ids]));
      return sequences.map((ids) => row(ids.at(-1)!));
    },
    calls,
  };
}

/** Every sequence that ends in `end`, or has `length` tokens, with its log-probability. */
export function allSequences(
  model: Markov,
  start: number,
  length: number,
  end = -1,
): readonly { readonly ids: readonly number[]; readonly logprob: number }[] {
  const found: { readonly ids: readonly number[]; readonly logprob: number }[] = [];
  const visit = (ids: readonly number[], logprob: number) => {
    if (ids.length === length || ids.at(-1) === end) {
      found.push({ ids, logprob });
      return;
    }
    const next = model.logprobs(ids.at(-1) ?? start);
    next.forEach((l, id) => {
      visit([...ids, id], logprob + l);
    });
  };
  visit([], 0);
  return found;
}
