import { CONFIDENCE, type Interval, simultaneousConfidence } from '../statistics.ts';
import { studentQuantile } from '../student.ts';
import type { Quality, QualityCell, QualityComparison } from './contract.ts';

/** A mean over seeds with its interval, by Student's t: seeds differ by chance alone, and few are asked for. */
export interface Mean extends Interval {
  readonly mean: number;
  readonly n: number;
}

/** What one variant came to, over the seeds. */
export interface QualityLine {
  readonly subject: string;
  readonly comparison: QualityComparison;
  /** Of the cells that were trained to the end. */
  readonly done: readonly QualityCell[];
  /** Perplexity a token, e to the mean loss. */
  readonly perplexity?: Mean;
  /** Perplexity ÷ the baseline's with the same seed, hence the same rows in the same order. */
  readonly ratio?: Mean;
  /** Whether the ratio is not 1, with 95 % for all lines at once. */
  readonly told: boolean;
  /** Why cells have no result. */
  readonly reasons: readonly string[];
}

/** One line a variant and comparison, in the order of the cells. */
export function qualityLines({ cells }: Quality, baseline: string | undefined): QualityLine[] {
  const keyOf = ({ subject, comparison }: QualityCell): string => `${comparison} ${subject}`;
  const keys = [...new Set(cells.map(keyOf))];
  const compared = new Set(cells.filter(({ subject }) => subject !== baseline).map(keyOf)).size;
  const base = cells.filter(({ subject, status }) => subject === baseline && status === 'ok');
  return keys.map((key) => {
    const own = cells.filter((cell) => keyOf(cell) === key);
    const done = own.filter(({ status }) => status === 'ok');
    const { subject, comparison } = own[0]!;
    const logs = done.map(({ nats }) => nats!);
    const pairs =
      subject === baseline
        ? []
        : done.flatMap((cell) => {
            const partner = base.find(({ seed }) => seed === cell.seed);
            return partner ? [cell.nats! - partner.nats!] : [];
          });
    const wide = meanOf(pairs, simultaneousConfidence(compared));
    return {
      subject,
      comparison,
      done,
      ...(logs.length > 0 && { perplexity: exponential(meanOf(logs)) }),
      ...(pairs.length > 0 && { ratio: exponential(meanOf(pairs)) }),
      told: pairs.length > 1 && (wide.low > 0 || wide.high < 0),
      reasons: [...new Set(own.flatMap(({ reason, status }) => (reason ? [`${status}: ${reason}`] : [])))],
    };
  });
}

/** One value has no interval: it may be anything. */
export function meanOf(values: readonly number[], confidence = CONFIDENCE): Mean {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean, low: -Infinity, high: Infinity, coverage: n === 0 ? 0 : 1, n };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = studentQuantile((1 + confidence) / 2, n - 1) * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half, coverage: confidence, n };
}

function exponential({ mean, low, high, coverage, n }: Mean): Mean {
  return { mean: Math.exp(mean), low: Math.exp(low), high: Math.exp(high), coverage, n };
}

/** Lines that no other beats in bytes, in perplexity and in the time of a decode step, by their middles. */
export function paretoLines(lines: readonly QualityLine[]): QualityLine[] {
  const placed = lines.filter((line) => line.done.length > 0);
  const axes = (line: QualityLine): readonly number[] => [
    line.done[0]!.kv!.bytesAtT,
    line.perplexity!.mean,
    decodeOf(line) ?? 0,
  ];
  return placed.filter((line) => {
    const own = axes(line);
    return !placed.some((other) => {
      const values = axes(other);
      return values.every((value, i) => value <= own[i]!) && values.some((value, i) => value < own[i]!);
    });
  });
}

/** Median decode step over all seeds, milliseconds. */
export function decodeOf({ done }: QualityLine): number | undefined {
  const times = done.flatMap(({ timing }) => timing?.decodeMs ?? []).sort((a, b) => a - b);
  return times.length === 0 ? undefined : times[times.length >> 1];
}
