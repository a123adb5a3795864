import type { Results, Row } from './results.ts';
import {
  differs,
  type Estimate,
  fewestSamples,
  ratioOfRatios,
  simultaneousConfidence,
  unpairedRatio,
} from './statistics.ts';
import { isTimed, ratioToBaseline, type TimedRow } from './views.ts';

/** One row of two runs. */
export interface Change {
  readonly id: string;
  readonly row: Row;
  /** Time of this run ÷ the other. What differs between two hours of a machine is in it: shown, never judged. */
  readonly time: Estimate;
  /**
   * Ratio to the baseline in this run ÷ in the other: above 1 has lost against the baseline. A slower machine, and other
   * load, slow both and leave it alone. Absent where there is no baseline, and for the baseline itself.
   */
  readonly relative?: Estimate;
  /** Told apart from no change by the interval of `relative`, else `undecided`. */
  readonly verdict: 'faster' | 'slower' | 'undecided';
  /** `relative` grew by more than the bound, and is told apart from no change. */
  readonly fails: boolean;
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** Ratios to the baseline that were compared: their intervals are right at once with 95 %. */
  readonly compared: number;
  /** Rows that only one of the runs has a time for. */
  readonly unmatched: readonly { readonly id: string; readonly reason: string }[];
  /** How often the two runs agree about ratios between variants. */
  readonly agreement: Agreement;
  /** What else differs between the runs, and what else could be the reason for a change. */
  readonly warnings: readonly string[];
}

/**
 * What changed between two runs: each row's ratio to its baseline, taken inside each run from samples of one round, here
 * ÷ there. Times of two runs are a machine at two hours; ratios are not. All intervals hold at once with 95 %.
 *
 * @param failAt a row fails when its ratio to the baseline grew by more than this and the interval is above 1.
 */
export function compareResults(current: Results, other: Results, failAt = Infinity): Comparison {
  const { pairs, unmatched } = match(current, other);
  const ratios = pairs.filter(({ row, old }) => betweenTwo(current, row) && betweenTwo(other, old));
  const confidence = simultaneousConfidence(ratios.length);
  const changes = pairs.map((pair): Change => {
    const { row, old } = pair;
    const time = unpairedRatio(timesOf(row), timesOf(old));
    const relative = ratios.includes(pair)
      ? ratioOfRatios(
          (each) => ratioToBaseline(current, row, each),
          (each) => ratioToBaseline(other, old, each),
          confidence,
        )
      : undefined;
    const told = relative && differs(relative, confidence) ? relative : undefined;
    const verdict = !told ? 'undecided' : told.median > 1 ? 'slower' : 'faster';
    const fails = verdict === 'slower' && told!.median > failAt;
    return { id: row.id, row, time, ...(relative && { relative }), verdict, fails };
  });
  return {
    changes,
    compared: ratios.length,
    unmatched,
    agreement: agreementOf(ratiosBetweenVariants(current, other, ratios)),
    warnings: [...differences(current, other), ...loads(current, other), ...tooFew(changes, confidence)],
  };
}

interface Pair {
  readonly row: TimedRow;
  readonly old: TimedRow;
}

/** Rows of the same id and the same work that both runs timed, and why the others are not compared. */
function match(
  current: Results,
  other: Results,
): { readonly pairs: Pair[]; readonly unmatched: Comparison['unmatched'] } {
  const before = new Map(other.rows.map((row) => [row.id, row]));
  const unmatched: { id: string; reason: string }[] = [];
  const pairs: Pair[] = [];
  for (const row of current.rows) {
    const { id } = row;
    const old = before.get(id);
    before.delete(id);
    const reason = !old ? 'only in this run' : otherWork(row, old);
    if (reason !== undefined) unmatched.push({ id, reason });
    else if (isTimed(row) && old && isTimed(old)) pairs.push({ row, old });
    else if (isTimed(row)) unmatched.push({ id, reason: `${old!.status} there` });
    else if (isTimed(old!)) unmatched.push({ id, reason: `${row.status} here` });
  }
  for (const id of before.keys()) unmatched.push({ id, reason: 'only in the other run' });
  return { pairs, unmatched };
}

/** What two rows of one id were measured on, where it differs: an id does not name the heads, widths or options. */
function otherWork(row: Row, old: Row): string | undefined {
  for (const of of ['shape', 'options', 'baseline'] as const) {
    const [here, there] = [row, old].map((one) => JSON.stringify(one[of] ?? null));
    if (here !== there) return `another ${of}: ${here} here, ${there} there`;
  }
  return undefined;
}

function timesOf({ samples }: Row): number[] {
  return samples.map(({ ms }) => ms);
}

function betweenTwo(results: Results, row: Row): boolean {
  return !row.control && ratioToBaseline(results, row) !== undefined;
}

function ratiosBetweenVariants(
  current: Results,
  other: Results,
  pairs: readonly Pair[],
): { a: Estimate; b: Estimate }[] {
  return pairs
    .filter(({ row }) => row.comparison !== 'same-work')
    .map(({ row, old }) => ({ a: ratioToBaseline(current, row)!, b: ratioToBaseline(other, old)! }));
}

function differences(current: Results, other: Results): string[] {
  const facts: readonly (readonly [string, (results: Results) => string | undefined])[] = [
    ['CPU', ({ machine }) => machine.cpu],
    ['cores', ({ machine }) => String(machine.cores)],
    ['runtime', ({ machine }) => machine.runtime],
    ['gpu.js', ({ machine }) => machine.versions?.['gpu.js']],
    ['profile', ({ profile }) => profile],
    [
      'engines',
      ({ devices }) =>
        devices
          .map(({ name, engine, emulated }) => `${name}=${engine}${emulated ? ' emulated' : ''}`)
          .join(', '),
    ],
  ];
  return facts.flatMap(([what, of]) => {
    const [here, there] = [of(current), of(other)];
    return here === there ? [] : [`${what}: ${here} here, ${there} there`];
  });
}

/** Load average of the last minute per core from which on a run shared its machine. */
const BUSY = 0.6;

/** Other work on the machine: it hits ratios too, where it takes caches and memory from one of two rows. */
function loads(current: Results, other: Results): string[] {
  const [here, there] = [current, other].map(({ machine }) => machine.loadAverage?.[0]);
  const words = (load: number | undefined): string => (load === undefined ? 'not known' : load.toFixed(1));
  const busy = (load: number | undefined, { machine }: Results): boolean =>
    load !== undefined && load > BUSY * machine.cores;
  const apart =
    here !== undefined && there !== undefined && Math.abs(here - there) > BUSY * current.machine.cores;
  if (!busy(here, current) && !busy(there, other) && !apart) return [];
  return [
    `load at the start: ${words(here)} here, ${words(there)} there, on ${current.machine.cores} cores: other work was running, measure again without it`,
  ];
}

/** A comparison that cannot find anything must say so: it would pass for one that found nothing. */
function tooFew(changes: readonly Change[], confidence: number): string[] {
  const ratios = changes.filter(({ relative }) => relative !== undefined);
  const few = ratios.filter(({ relative }) => relative!.coverage < confidence);
  if (few.length === 0) return [];
  const rounds = fewestSamples(Math.sqrt(confidence));
  return [
    `rounds: ${few.length} of ${ratios.length} ratios have fewer than ${rounds} in one of the runs, too few to be told apart among so many (a larger --budget, or fewer --variants)`,
  ];
}

/** How often two runs agree about the ratios between variants. */
export interface Agreement {
  readonly pairs: number;
  /** |ln a − ln b| is within the two half-widths added in squares: the test of a difference. */
  readonly agree: number;
  /** The two intervals overlap: the weaker test. */
  readonly overlap: number;
  /** Each run's ratio lies in the other's interval: the stronger test. */
  readonly mutual: number;
}

/** Compares the ratios to the baseline of two runs, row by row. */
export function agreementOf(pairs: readonly { readonly a: Estimate; readonly b: Estimate }[]): Agreement {
  const halfWidth = ({ low, high }: Estimate): number => (low === high ? 0 : Math.log(high / low) / 2);
  const middle = ({ low, high }: Estimate): number => Math.log(high * low) / 2;
  const inside = (value: number, { low, high }: Estimate): boolean => low <= value && value <= high;
  const count = (test: (a: Estimate, b: Estimate) => boolean): number =>
    pairs.filter(({ a, b }) => test(a, b)).length;
  return {
    pairs: pairs.length,
    // from 0 to ∞ there is no middle, and nothing that it disagrees with
    agree: count((a, b) => !(Math.abs(middle(a) - middle(b)) > Math.hypot(halfWidth(a), halfWidth(b)))),
    overlap: count((a, b) => a.low <= b.high && b.low <= a.high),
    mutual: count((a, b) => inside(a.median, b) && inside(b.median, a)),
  };
}
