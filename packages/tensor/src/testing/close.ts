/** Where two arrays differ most. */
export interface Difference {
  readonly largest: number;
  readonly index: number;
  readonly got: number;
  readonly want: number;
  /** Elements with |got − want| > atol + rtol · |want|; NaN equals NaN, ±∞ its own sign. */
  readonly outside: number;
}

/**
 * Compares two arrays element by element.
 *
 * @throws {RangeError} if their lengths differ.
 */
export function difference(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { atol = 1e-5, rtol = 1e-5 } = {},
): Difference {
  if (got.length !== want.length) throw new RangeError(`got ${got.length} values, want ${want.length}`);
  let worst: Difference = { largest: 0, index: -1, got: 0, want: 0, outside: 0 };
  let outside = 0;
  for (let i = 0; i < want.length; i++) {
    const a = got[i]!;
    const b = want[i]!;
    if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const error = Math.abs(a - b);
    if (!(error <= atol + rtol * Math.abs(b))) outside++;
    if (!(error <= worst.largest)) worst = { largest: error, index: i, got: a, want: b, outside: 0 };
  }
  return { ...worst, outside };
}

/**
 * Compares two arrays.
 *
 * @throws {Error} if they differ by more than the tolerance, naming the worst element.
 * @throws {RangeError} if their lengths differ.
 */
export function assertClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: { readonly atol?: number; readonly rtol?: number } = {},
): void {
  const { outside, index, got: a, want: b, largest } = difference(got, want, tolerance);
  if (outside > 0)
    throw new Error(
      `${outside} of ${want.length} values differ; the worst, [${index}]: got ${a}, want ${b} (off by ${largest})`,
    );
}
