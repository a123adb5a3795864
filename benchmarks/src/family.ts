import type { Results, Row } from './results.ts';
import { type Estimate, fewestSamples, simultaneousConfidence } from './statistics.ts';
import { distinct, isTimed, ratioToBaseline, type TimedRow } from './views.ts';

/**
 * All ratios that sentences of a report are picked from. Picking the fastest of 80 by intervals of 95 % each would call
 * something faster where nothing is; so each interval of a sentence is as wide as it must be for all of them to be right
 * at once with 95 % (Bonferroni). Tables show the usual intervals.
 */
export interface Family {
  readonly count: number;
  /** Of one interval. */
  readonly confidence: number;
  /** Rounds that such an interval needs at least. */
  readonly rounds: number;
}

/**
 * The family of a run: of every place (device, phase, batch) the variants at one context, the decoders at equal
 * parameters, and the work on every device. Known before the first sample.
 */
export function familyOf({ rows }: Pick<Results, 'rows'>): Family {
  const compared = rows.filter(({ baseline, control }) => baseline !== undefined && !control);
  const sentences = compared.flatMap(({ suite, device, phase, batch, subject, comparison }) => {
    if (suite === 'attention' && comparison === 'equal-shape')
      return [`${suite} ${device} ${phase} ${batch} ${subject}`];
    if (suite === 'model' && comparison === 'equal-parameters' && phase === 'next token')
      return [`${suite} ${device} ${subject}`];
    return suite === 'device' ? [`${suite} ${device} ${subject}`] : [];
  });
  const count = Math.max(1, new Set(sentences).size);
  const confidence = simultaneousConfidence(count);
  return { count, confidence, rounds: fewestSamples(confidence) };
}

/** A row and its ratio to the baseline, with the interval of its family. */
export interface Compared {
  readonly row: TimedRow;
  readonly ratio: Estimate;
}

/** Rows that have a ratio, in their order. */
export function comparedIn(
  results: Pick<Results, 'rows'>,
  rows: readonly Row[],
  { confidence }: Family,
): Compared[] {
  return rows.flatMap((row) => {
    const ratio = ratioToBaseline(results, row, confidence);
    return ratio && isTimed(row) ? [{ row, ratio }] : [];
  });
}

/**
 * The context a sentence is about: the longest at which every ratio has the rounds that its interval needs, else the
 * longest. Chosen by counting rounds, never by looking at the ratios.
 */
export function headlineContext(
  results: Pick<Results, 'rows'>,
  rows: readonly Row[],
  family: Family,
): number | undefined {
  const compared = comparedIn(results, rows, family);
  const contexts = distinct(compared, ({ row }) => row.context).sort((a, b) => b - a);
  const enough = (context: number): boolean =>
    compared.every(({ row, ratio }) => row.context !== context || ratio.n >= family.rounds);
  return contexts.find(enough) ?? contexts[0];
}
