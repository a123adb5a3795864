import { Candidates } from '../candidates.ts';
import { describeRule } from '../contract.ts';
import { checkNumber, checkOptions, checkWhole, SamplingError, show } from '../errors.ts';
import { keepExactly } from '../filters/keep.ts';
import { checkRows, checkSearch } from './checks.ts';
import type { BatchStep, SearchOptions } from './contract.ts';

/** Options of {@link contrastiveSearch}. Su et al. 2022, "A Contrastive Framework for Neural Text Generation". */
export interface ContrastiveSearchOptions extends SearchOptions {
  /** How many of the best tokens are tried. Default 4. */
  readonly k?: number;
  /** Weight of the degeneration penalty; 0 is greedy. Default 0.6. */
  readonly alpha?: number;
}

/** One sequence's answer for contrastive search. */
export interface HiddenRow {
  /** `[V]` */
  readonly logits: Float32Array;
  /**
   * Last-layer hidden vectors `[E]`; the last of them belongs to the last token. The first call needs one for
   * every token of the prompt, later calls at least the last.
   */
  readonly hidden: readonly Float32Array[];
}

/** What contrastive search found. */
export interface ContrastiveFound {
  /** Generated ids, with the end token if there is one. */
  readonly ids: readonly number[];
  /** `(1 − α) · p − α · similarity` of each generated token. */
  readonly scores: readonly number[];
  readonly ended: boolean;
}

/**
 * Contrastive search: of the `k` best tokens takes the one that is likely and whose hidden state resembles none
 * of those before; deterministic, and free of loops.
 *
 * ```text
 * argmax over the top k of (1 − α) · p(x) − α · max_j cos(h_x, h_j)
 * ```
 *
 * Every step runs the model once, on the `k` candidates as a batch.
 *
 * @throws {SamplingError} if an option is out of range, or the step does not return logits and hidden vectors of one
 * length for each sequence; the signal's reason once it is aborted.
 *
 * @see Su et al. 2022, "A Contrastive Framework for Neural Text Generation", {@link https://arxiv.org/abs/2202.06417}
 */
export async function contrastiveSearch(
  step: BatchStep<HiddenRow>,
  options: ContrastiveSearchOptions,
): Promise<ContrastiveFound> {
  const name = 'contrastive-search';
  checkOptions(name, options, 'prompt and maxTokens');
  const { prompt, maxTokens, endIds = [], reorder, signal, k = 4, alpha = 0.6 } = options;
  checkSearch(name, step, options);
  checkWhole(name, 'k', k, 1);
  checkNumber(name, 'alpha', alpha, { atLeast: 0, atMost: 1 });

  const candidates = new Candidates();
  const ids = [...prompt];
  const scores: number[] = [];
  const found = (ended: boolean) => ({ ids: ids.slice(prompt.length), scores, ended });

  signal?.throwIfAborted();
  const [first] = await step([prompt], { parents: [], signal });
  checkHidden(name, first, prompt.length);
  const past = first.hidden.slice(-prompt.length).map(unit);
  let logits = first.logits;
  let parent = 0;

  while (scores.length < maxTokens) {
    signal?.throwIfAborted();
    keepExactly(candidates.load(logits), k); // probabilities are of the whole vocabulary, so they come first
    const { size } = candidates;
    const tried = candidates.ids.slice(0, size);
    const sum = candidates.load(logits).logSumExp();
    const probabilities = Array.from(tried, (id) => Math.exp(logits[id]! - sum));
    const parents = Array.from(tried, () => parent);
    await reorder?.(parents);
    const rows = await step(
      Array.from(tried, (id) => [...ids, id]),
      { parents, signal },
    );
    signal?.throwIfAborted();
    checkRows(name, rows, size);
    let best = 0;
    let highest = -Infinity;
    rows.forEach((row, i) => {
      checkHidden(name, row, 1);
      const hidden = unit(row.hidden.at(-1)!);
      const likeness = Math.max(...past.map((other) => dot(name, hidden, other)));
      const score = (1 - alpha) * probabilities[i]! - alpha * likeness;
      if (score > highest) [highest, best] = [score, i];
    });
    const chosen = rows[best]!;
    ids.push(tried[best]!);
    scores.push(highest);
    past.push(unit(chosen.hidden.at(-1)!));
    logits = chosen.logits;
    parent = best;
    if (endIds.includes(tried[best]!)) return found(true);
  }
  return found(false);
}

function checkHidden(op: string, row: HiddenRow | undefined, needed: number): asserts row is HiddenRow {
  if (row?.logits && Array.isArray(row.hidden) && row.hidden.length >= needed) return;
  throw new SamplingError(
    op,
    `step must return { logits, hidden } with at least ${needed} hidden vectors a sequence, got ${show(row?.hidden ?? row)}`,
  );
}

function unit(vector: Float32Array): Float64Array {
  let squares = 0;
  for (const x of vector) squares += x * x;
  const length = Math.sqrt(squares) || 1;
  return Float64Array.from(vector, (x) => x / length);
}

function dot(op: string, a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length) {
    throw new SamplingError(op, `hidden vectors differ in length: ${a.length} and ${b.length}`);
  }
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

export const contrastiveSearchRule = describeRule({
  name: 'contrastive-search',
  formula: 'argmax over top k of (1 − α) · p − α · max cos(h, h_past)',
  source: {
    title: 'A Contrastive Framework for Neural Text Generation',
    authors: 'Su et al.',
    year: 2022,
    url: 'https://arxiv.org/abs/2202.06417',
  },
  defaults: { k: 4, alpha: 0.6 },
});
