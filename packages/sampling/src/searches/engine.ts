import { Candidates } from '../candidates.ts';
import type { Filter } from '../contract.ts';
import { checkNumber, checkWhole, SamplingError, show } from '../errors.ts';
import type { Random } from '../random/contract.ts';
import { checkRows, checkSearch } from './checks.ts';
import type { BatchStep, SearchOptions } from './contract.ts';

/** Options of the searches that keep several beams. */
export interface BeamOptions extends SearchOptions {
  /** How many sequences are kept at every step (in each group). */
  readonly beams: number;
  /**
   * Scores are `log-probability / length^lengthPenalty`: 0 is the plain sum, above 0 favours long sequences.
   * Default 1.
   */
  readonly lengthPenalty?: number;
  /**
   * When to stop once `beams` sequences have ended. `true`: at once. `false` (default): when no running beam can
   * beat the worst of them at its present length. `'never'`: when none can even at the most favourable length.
   */
  readonly earlyStopping?: boolean | 'never';
  /** Rules applied to each beam's log-probabilities. Cutoffs should keep at least 2 tokens. */
  readonly filters?: readonly Filter[];
}

/** A sequence a search found. */
export interface Found {
  /** Generated ids, without the prompt, with the end token if there is one. */
  readonly ids: readonly number[];
  /** What the search ranks by. */
  readonly score: number;
  /** Sum of the log-probabilities after the filters. */
  readonly logprob: number;
  /** True if an end token ended it or a rule that allows nothing more, false if `maxTokens` did. */
  readonly ended: boolean;
}

/** What sets the beam searches apart. */
export interface Strategy {
  readonly name: string;
  readonly groups: number;
  /** Taken from a token's score for every earlier group that took the same token at the same step. */
  readonly diversity: number;
  /** Draws continuations without replacement instead of taking the best. */
  readonly random: Random | undefined;
}

interface Row {
  readonly ids: readonly number[];
  readonly score: number;
  readonly logprob: number;
  readonly states: unknown[];
  /** Row of the batch before that this one goes on from. */
  readonly parent: number;
  /** Row of the batch that is being run. */
  at: number;
}

interface Continuation {
  readonly row: Row;
  readonly id: number;
  readonly score: number;
  readonly logprob: number;
}

interface Group {
  rows: Row[];
  ended: Found[];
  done: boolean;
}

/**
 * The loop all beam searches share. Finds, for each group, up to `beams` sequences, best first.
 *
 * @throws {SamplingError} if an option is out of range, the step does not return one row a sequence, or a filter
 * draws where nothing is drawn; `ConstraintError` if a constraint allows none of a beam's tokens; the signal's reason
 * once it is aborted.
 */
export async function searchBeams(
  step: BatchStep,
  options: BeamOptions,
  strategy: Strategy,
): Promise<readonly (readonly Found[])[]> {
  check(step, options, strategy);
  const { prompt, maxTokens, filters = [], reorder, signal } = options;
  const candidates = new Candidates();
  const root: Row = {
    ids: prompt,
    score: 0,
    logprob: 0,
    states: filters.map((f) => f.start?.() ?? null),
    parent: 0,
    at: 0,
  };
  const groups: Group[] = Array.from({ length: strategy.groups }, () => ({
    rows: [root],
    ended: [],
    done: false,
  }));

  for (let length = 1; length <= maxTokens; length++) {
    signal?.throwIfAborted();
    const batch = [...new Set(groups.flatMap((group) => (group.done ? [] : group.rows)))];
    if (batch.length === 0) break;
    batch.forEach((row, i) => {
      row.at = i;
    });
    const parents = length === 1 ? [] : batch.map((row) => row.parent);
    if (length > 1) await reorder?.(parents);
    const logits = await step(
      batch.map((row) => row.ids),
      { parents, signal },
    );
    signal?.throwIfAborted();
    checkRows(strategy.name, logits, batch.length);

    const taken = new Map<number, number>();
    for (const group of groups) {
      if (group.done) continue;
      // where rules end many continuations, more of them are looked at until the beam is full
      for (let wanted = fewest(options); ; wanted *= 4) {
        const pool = continuations(group, logits, candidates, options, strategy, taken, wanted);
        const next = advance(pool, length, options);
        if (next.rows.length < options.beams && pool.length === wanted && !strategy.random) continue;
        group.rows = next.rows;
        group.ended = best([...group.ended, ...next.ended], options.beams);
        break;
      }
      for (const row of group.rows) count(taken, row.ids.at(-1)!);
      group.done = group.rows.length === 0 || isDone(group, length, options);
    }
  }
  return groups.map((group) => finish(group, options));
}

/** How many continuations are looked at: enough that end tokens cannot crowd out beams. */
function fewest({ beams, endIds = [] }: BeamOptions): number {
  return Math.max(2, 1 + endIds.length) * beams;
}

/** The best (or drawn) `wanted` continuations of a group's rows, best first. */
function continuations(
  group: Group,
  logits: readonly Float32Array[],
  candidates: Candidates,
  { prompt, filters = [] }: BeamOptions,
  { diversity, random }: Strategy,
  taken: ReadonlyMap<number, number>,
  wanted: number,
): Continuation[] {
  const pool: (Continuation & { readonly key: number })[] = [];
  for (const row of group.rows) {
    candidates.load(logits[row.at]!);
    candidates.normalize();
    const context = { ids: row.ids, promptLength: prompt.length, random: random ?? noRandom };
    filters.forEach((filter, i) => {
      filter.apply(candidates, context, row.states[i]);
    });
    for (const [id, times] of diversity > 0 ? taken : []) {
      const i = candidates.indexOf(id);
      if (i >= 0) candidates.setLogit(i, candidates.logits[i]! - diversity * times);
    }
    if (!random) candidates.keepTop(wanted);
    const { size, ids } = candidates;
    for (let i = 0; i < size; i++) {
      const id = ids[i]!;
      const score = row.score + candidates.logits[i]!;
      const logprob = row.logprob + candidates.logits[i]! + diversity * (taken.get(id) ?? 0);
      // the largest of scores perturbed by Gumbel noise are a draw without replacement
      const key = random ? score - Math.log(-Math.log(random.next())) : score;
      pool.push({ row, id, score, logprob, key });
    }
  }
  pool.sort((a, b) => b.key - a.key || a.row.at - b.row.at || a.id - b.id);
  const chosen = pool.slice(0, wanted);
  return random ? chosen.sort((a, b) => b.score - a.score) : chosen;
}

/**
 * Continuations that ended leave the beam, if they are among the best `beams`; the others go on until it is full.
 * A continuation ends with an end token, or where a rule is finished and allows nothing more.
 */
function advance(
  pool: readonly Continuation[],
  length: number,
  options: BeamOptions,
): { readonly rows: Row[]; readonly ended: Found[] } {
  const { prompt, beams, lengthPenalty = 1, endIds = [], filters = [] } = options;
  const rows: Row[] = [];
  const ended: Found[] = [];
  for (const [rank, { row, id, score, logprob }] of pool.entries()) {
    if (rows.length === beams) break;
    const ids = [...row.ids, id];
    const states = endIds.includes(id) ? undefined : structuredClone(row.states);
    if (states) {
      const context = { ids, promptLength: prompt.length, random: noRandom };
      filters.forEach((filter, i) => {
        filter.accept?.(id, context, states[i]);
      });
      if (!filters.some((filter, i) => filter.finished?.(states[i]))) {
        rows.push({ ids, score, logprob, states, parent: row.at, at: 0 });
        continue;
      }
    }
    if (rank < beams) {
      const generated = ids.slice(prompt.length);
      ended.push({ ids: generated, score: score / length ** lengthPenalty, logprob, ended: true });
    }
  }
  return { rows, ended };
}

function best(found: Found[], count: number): Found[] {
  return found.sort((a, b) => b.score - a.score).slice(0, count);
}

function isDone({ rows, ended }: Group, length: number, options: BeamOptions): boolean {
  const { beams, maxTokens, lengthPenalty = 1, earlyStopping = false } = options;
  if (ended.length < beams) return false;
  if (earlyStopping === true) return true;
  const longest = earlyStopping === 'never' && lengthPenalty > 0 ? maxTokens : length;
  const attainable = rows[0]!.score / longest ** lengthPenalty;
  return ended.at(-1)!.score >= attainable;
}

/** Beams that were still running when the length ran out compete with the ended ones. */
function finish({ rows, ended, done }: Group, options: BeamOptions): readonly Found[] {
  const { prompt, beams, lengthPenalty = 1 } = options;
  const running = done
    ? []
    : rows.map(({ ids, score, logprob }) => ({
        ids: ids.slice(prompt.length),
        score: score / (ids.length - prompt.length) ** lengthPenalty,
        logprob,
        ended: false,
      }));
  return best([...ended, ...running], beams);
}

function check(step: BatchStep, options: BeamOptions, { name, groups, diversity }: Strategy): void {
  checkSearch(name, step, options);
  const { beams, lengthPenalty = 1, earlyStopping = false, filters = [] } = options;
  checkWhole(name, 'beams', beams, 1);
  checkWhole(name, 'groups', groups, 1);
  checkNumber(name, 'diversity', diversity, { atLeast: 0 });
  checkNumber(name, 'lengthPenalty', lengthPenalty, {});
  if (typeof earlyStopping !== 'boolean' && earlyStopping !== 'never') {
    throw new SamplingError(name, `earlyStopping must be true, false or 'never', got ${show(earlyStopping)}`);
  }
  for (const filter of filters) {
    if (filter?.kind !== 'filter') {
      throw new SamplingError(
        name,
        `filters must be filters, got ${show(filter)}; a search makes the choice itself`,
      );
    }
  }
}

function count(counts: Map<number, number>, id: number): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}

/** A search that takes the best has no chance in it, so a filter that draws cannot be part of it. */
const noRandom: Random = {
  next() {
    throw new SamplingError(
      'beam-search',
      'a filter asked for a random number; use beamSample, which has a generator',
    );
  },
  clone: () => noRandom,
  state: () => ({ algorithm: 'none', words: [] }),
};
