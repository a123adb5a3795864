/**
 * The statistics of the suite, all distribution-free: medians, and order-statistic intervals of medians.
 *
 * For n independent samples the number that fall below the true median is Bin(n, ½), so the k-th smallest and the
 * k-th largest sample enclose the median with probability 1 − 2·P(Bin(n, ½) < k), whatever the distribution
 * (David and Nagaraja, "Order Statistics", section 7.1). No normality, no bootstrap, no seed.
 */

/** An interval and the probability with which it covers what it is about. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  /** 0 … 1. At least what was asked for, unless there are too few samples for it. */
  readonly coverage: number;
}

/** A median (of times, or of ratios) with its interval. */
export interface Estimate extends Interval {
  readonly median: number;
  readonly n: number;
}

/** What a row shows of its raw samples. */
export interface Summary extends Estimate {
  readonly p10: number;
  readonly p90: number;
}

/** One timed call, and the round in which it ran: rows that share a round ran next to each other. */
export interface Sample {
  readonly round: number;
  /** Milliseconds a call. */
  readonly ms: number;
}

export const CONFIDENCE = 0.95;

/**
 * The confidence that each of `count` intervals needs so that all of them are right at once with `confidence`
 * (Bonferroni: the chances of missing add up at most; nothing is assumed about how the ratios hang together).
 */
export function simultaneousConfidence(count: number, confidence = CONFIDENCE): number {
  return 1 - (1 - confidence) / Math.max(1, count);
}

/** The fewest samples whose median has an interval of this confidence: from smallest to largest, 1 − 2·(½)ⁿ. */
export function fewestSamples(confidence = CONFIDENCE): number {
  // what rounding leaves of a whole power of two does not count
  return Math.max(1, Math.ceil(1 - Math.log2(1 - confidence) - 1e-9));
}

/**
 * The p-quantile, linear between order statistics (type 7 of Hyndman and Fan 1996, as in NumPy and R).
 *
 * @throws {RangeError} for no values.
 */
export function quantile(values: readonly number[], p: number): number {
  if (values.length === 0) throw new RangeError('quantile: no values');
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * p;
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  // between equal numbers, infinite ones among them, there is nothing to add
  return sorted[low] === sorted[high] || at === low
    ? sorted[low]!
    : sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low);
}

/** The median with its order-statistic interval; below 6 samples the widest one there is, with its coverage. */
export function medianEstimate(values: readonly number[], confidence = CONFIDENCE): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  const { k, coverage } = orderRank(n, confidence);
  return { median: quantile(sorted, 0.5), low: sorted[k - 1]!, high: sorted[n - k]!, coverage, n };
}

export function summarize(values: readonly number[]): Summary {
  return { ...medianEstimate(values), p10: quantile(values, 0.1), p90: quantile(values, 0.9) };
}

/**
 * `a / b` within one run: the median of the ratios of samples of the same round, with its order-statistic
 * interval. A slow minute hits both samples of a round and leaves their ratio alone.
 *
 * A time is 0 where the wait that is taken off it was longer: such a round counts as 0 or Infinity, so that the ratio
 * upside down is the same finding. Only 0 / 0 says nothing and is left out.
 *
 * @returns `undefined` when no round has both.
 */
export function pairedRatio(
  a: readonly Sample[],
  b: readonly Sample[],
  confidence = CONFIDENCE,
): Estimate | undefined {
  const partner = new Map(b.map(({ round, ms }) => [round, ms]));
  const ratios = a.flatMap(({ round, ms }) => {
    const other = partner.get(round);
    return other === undefined || (ms <= 0 && other <= 0) ? [] : [other <= 0 ? Infinity : ms / other];
  });
  return ratios.length === 0 ? undefined : medianEstimate(ratios, confidence);
}

/**
 * `a / b` between two runs, where no sample of one has a partner in the other: the ratio of medians; its interval
 * joins the ends of two intervals of √confidence each, so it covers at least `confidence`.
 */
export function unpairedRatio(a: readonly number[], b: readonly number[], confidence = CONFIDENCE): Estimate {
  const each = Math.sqrt(confidence);
  return quotient(medianEstimate(a, each), medianEstimate(b, each), confidence);
}

function quotient(top: Estimate, bottom: Estimate, confidence: number): Estimate {
  const each = Math.sqrt(confidence);
  const covered = Math.min(top.coverage, bottom.coverage) >= each;
  const coverage = top.coverage * bottom.coverage;
  return {
    median: over(top.median, bottom.median, 1),
    low: over(top.low, bottom.high, 0),
    high: over(top.high, bottom.low, Infinity),
    // the product of two square roots may end a rounding below
    coverage: covered ? Math.max(confidence, coverage) : coverage,
    n: Math.min(top.n, bottom.n),
  };
}

/** `a / b`, and what stands for 0 / 0 and ∞ / ∞: equal as far as was seen, within bounds that rule nothing out. */
function over(a: number, b: number, unknown: number): number {
  const ratio = a / b;
  return Number.isNaN(ratio) ? unknown : ratio;
}

/**
 * A ratio of one run ÷ the same ratio of another. Each is an estimate by rounds of its own run; the interval joins the
 * ends of two intervals of √confidence each, so it covers at least `confidence`.
 *
 * @param a the estimate of one run with an interval of the confidence asked for; `b` of the other.
 * @returns `undefined` when one of them has none.
 */
export function ratioOfRatios(
  a: (confidence: number) => Estimate | undefined,
  b: (confidence: number) => Estimate | undefined,
  confidence = CONFIDENCE,
): Estimate | undefined {
  const each = Math.sqrt(confidence);
  const [top, bottom] = [a(each), b(each)];
  return top && bottom && quotient(top, bottom, confidence);
}

/** Half the width of the interval, relative to the median: what sampling tries to bring below a bound. */
export function relativeHalfWidth({ low, high, median }: Estimate): number {
  return median === 0 || !Number.isFinite(median) ? Infinity : (high - low) / 2 / Math.abs(median);
}

/** Whether an interval of full coverage leaves out 1: the two are told apart. Too few samples tell nothing apart. */
export function differs({ low, high, coverage }: Interval, confidence = CONFIDENCE): boolean {
  return coverage >= confidence && (low > 1 || high < 1);
}

/** The largest rank k whose interval [x_k, x_(n+1−k)] still covers the median with the confidence, at least 1. */
export function orderRank(n: number, confidence: number): { readonly k: number; readonly coverage: number } {
  if (n < 1) throw new RangeError('medianEstimate: no samples');
  let tail = 0.5 ** n; // P(Bin(n, ½) < k), built up by the recurrence of binomial coefficients
  let term = tail;
  let best = { k: 1, coverage: Math.max(0, 1 - 2 * tail) };
  for (let k = 2; k <= Math.floor((n + 1) / 2); k++) {
    term *= (n - k + 2) / (k - 1);
    tail += term;
    if (1 - 2 * tail < confidence) break;
    best = { k, coverage: 1 - 2 * tail };
  }
  return best;
}
