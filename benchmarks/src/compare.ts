import type { Results, Row } from './results.ts';
import { differs, type Estimate, unpairedRatio } from './statistics.ts';
import { isTimed, ratioToBaseline } from './views.ts';

/** One row of two runs. */
export interface Change {
  readonly id: string;
  readonly row: Row;
  /** This run ÷ the other: above 1 is slower now. */
  readonly ratio: Estimate;
  /** Told apart from no change by the interval, else `undecided`. */
  readonly verdict: 'faster' | 'slower' | 'undecided';
  /** Slower by more than the bound, and told apart from no change. */
  readonly fails: boolean;
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** Rows that only one of the runs has a time for. */
  readonly unmatched: readonly { readonly id: string; readonly reason: string }[];
  /** How often the two runs agree about ratios between variants. */
  readonly agreement: Agreement;
  /** What else differs between the runs, so that a ratio may not be the code's doing. */
  readonly warnings: readonly string[];
}

/**
 * Ratio of medians per row of two runs, with an interval of at least 95 %. Runs share no rounds, so the samples
 * cannot be paired: what differs between two hours of a machine is in the ratio too.
 *
 * @param failAt a row fails when its ratio is above this and its interval above 1.
 */
export function compareResults(current: Results, other: Results, failAt = Infinity): Comparison {
  const before = new Map(other.rows.map((row) => [row.id, row]));
  const unmatched: { id: string; reason: string }[] = [];
  const changes: Change[] = [];
  for (const row of current.rows) {
    const old = before.get(row.id);
    before.delete(row.id);
    if (!old) unmatched.push({ id: row.id, reason: 'only in this run' });
    else if (!isTimed(row) || !isTimed(old)) {
      if (isTimed(row) !== isTimed(old))
        unmatched.push({ id: row.id, reason: isTimed(row) ? `${old.status} there` : `${row.status} here` });
    } else {
      const ratio = unpairedRatio(
        row.samples.map(({ ms }) => ms),
        old.samples.map(({ ms }) => ms),
      );
      const verdict = differs(ratio) ? (ratio.median > 1 ? 'slower' : 'faster') : 'undecided';
      changes.push({
        id: row.id,
        row,
        ratio,
        verdict,
        fails: verdict === 'slower' && ratio.median > failAt,
      });
    }
  }
  for (const id of before.keys()) unmatched.push({ id, reason: 'only in the other run' });
  const agreement = agreementOf(ratiosOf(current, other));
  return { changes, unmatched, agreement, warnings: differences(current, other) };
}

/** Ratios between variants that both runs have; the baseline against itself is left out. */
function ratiosOf(current: Results, other: Results): { a: Estimate; b: Estimate }[] {
  const before = new Map(other.rows.map((row) => [row.id, row]));
  return current.rows.flatMap((row) => {
    const old = before.get(row.id);
    const betweenVariants = row.comparison !== 'same-work' && !row.control;
    const a = betweenVariants ? ratioToBaseline(current, row) : undefined;
    const b = old && ratioToBaseline(other, old);
    return a && b ? [{ a, b }] : [];
  });
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
  const halfWidth = ({ low, high }: Estimate): number => Math.log(high / low) / 2;
  const middle = ({ low, high }: Estimate): number => Math.log(high * low) / 2;
  const inside = (value: number, { low, high }: Estimate): boolean => low <= value && value <= high;
  const count = (test: (a: Estimate, b: Estimate) => boolean): number =>
    pairs.filter(({ a, b }) => test(a, b)).length;
  return {
    pairs: pairs.length,
    agree: count((a, b) => Math.abs(middle(a) - middle(b)) <= Math.hypot(halfWidth(a), halfWidth(b))),
    overlap: count((a, b) => a.low <= b.high && b.low <= a.high),
    mutual: count((a, b) => inside(a.median, b) && inside(b.median, a)),
  };
}
