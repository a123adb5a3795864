import type { Device } from '../contracts/device.ts';

/** Where two arrays differ most. */
export interface Difference {
  readonly largest: number;
  readonly index: number;
  readonly got: number;
  readonly want: number;
  /** Elements with |got − want| > atol + rtol · |want|; NaN equals NaN, ±∞ its own sign. */
  readonly outside: number;
}

/** What a tolerance is stated for. */
const FLOAT32 = 2 ** -24;

/** What two float64 computations may differ by once they are read as float32, or compared with a golden number. */
const READ = 2e-6;

/**
 * A tolerance that is stated for float32, for a device: in proportion to its precision. Of the float64 reference
 * what reading leaves of it. Never throws.
 */
export function toleranceOf(
  { precision }: Pick<Device, 'precision'>,
  atol = 1e-5,
  rtol = atol,
): { readonly atol: number; readonly rtol: number } {
  const scaled = (tolerance: number): number =>
    Math.max(tolerance * (precision.epsilon / FLOAT32), Math.min(tolerance, READ));
  return { atol: scaled(atol), rtol: scaled(rtol) };
}

/**
 * Compares two arrays element by element.
 *
 * @throws {RangeError} if they are of different lengths.
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
    // a wanted infinity would make room for everything
    if (!Number.isFinite(b) || !(error <= atol + rtol * Math.abs(b))) outside++;
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
