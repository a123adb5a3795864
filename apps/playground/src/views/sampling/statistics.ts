/** Counts of draws beside what they should be. */
export interface GoodnessOfFit {
  readonly statistic: number;
  /** Cells less one. */
  readonly freedom: number;
  /** Chance of counts as far off as these, or further, where the probabilities are right. */
  readonly p: number;
}

/** Cells that are expected less often than this are put together: below it the test is no good (Cochran 1954). */
const LEAST_EXPECTED = 5;

/** Pearson's chi-square of counts against probabilities; undefined where fewer than two cells are left. */
export function goodnessOfFit(
  counts: readonly number[],
  probabilities: readonly number[],
): GoodnessOfFit | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const cells: { count: number; expected: number }[] = [];
  const rest = { count: 0, expected: 0 };
  counts.forEach((count, i) => {
    const expected = total * probabilities[i]!;
    if (expected >= LEAST_EXPECTED) cells.push({ count, expected });
    else {
      rest.count += count;
      rest.expected += expected;
    }
  });
  if (rest.expected > 0) cells.push(rest);
  if (cells.length < 2) return undefined;
  const statistic = cells.reduce((sum, { count, expected }) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = cells.length - 1;
  return { statistic, freedom, p: upperGamma(freedom / 2, statistic / 2) };
}

/** Q(a, x), the regularised upper incomplete gamma function: Abramowitz & Stegun 1964, 6.5.29 and 6.5.31. */
export function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const front = Math.exp(-x + a * Math.log(x) - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < 1000 && term > sum * 1e-16; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return 1 - front * sum;
  }
  // Lentz's method
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < 1000; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return front * h;
}

/** ln Γ(x) for x > 0, by Stirling's series after x has been raised: Abramowitz & Stegun 1964, 6.1.41. */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  while (z < 12) shift -= Math.log(z++);
  const s = 1 / z ** 2;
  const series = (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s / 1680))) / z;
  return shift + (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series;
}
