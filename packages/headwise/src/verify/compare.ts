import { type HostTensor, numbersOf } from '@headwise/models';
import type { Got, VerifyCase } from './contract.ts';
import { own } from './own.ts';

/** What a comparison found. */
export interface Comparison {
  /** Largest |got − want| over all outputs; 0 where nothing differs. */
  readonly largest: number;
  /** Why the case fails: the output, its worst element, both values. Absent when it passes. */
  readonly problem?: string;
}

/**
 * Compares what a runner computed with what the case wants: shapes equal, |got − want| ≤ atol + rtol · |want|,
 * integers and booleans exactly, ±∞ and NaN as they stand.
 *
 * @param without outputs that are left out on purpose
 * @throws {Error} if a tolerance is not a number ≥ 0.
 */
export function compareOutputs(
  { outputs, tolerance }: VerifyCase,
  got: Got,
  without: readonly string[] = [],
): Comparison {
  let largest = 0;
  let problem: string | undefined;
  for (const [name, want] of Object.entries(outputs)) {
    if (without.includes(name)) continue;
    const found = compareOne(name, want, own(got, name), tolerance(name));
    largest = Math.max(largest, found.largest);
    problem ??= found.problem;
  }
  return { largest, ...(problem !== undefined && { problem }) };
}

function compareOne(
  name: string,
  want: HostTensor,
  got: Got[string] | undefined,
  { atol, rtol }: { readonly atol: number; readonly rtol: number },
): Comparison {
  for (const [key, value] of Object.entries({ atol, rtol }))
    if (typeof value !== 'number' || !(value >= 0))
      return {
        largest: Infinity,
        problem: `${name}: its ${key} must be a number ≥ 0, it is ${JSON.stringify(value) ?? value}`,
      };
  if (!got) return { largest: Infinity, problem: `${name} is missing` };
  const shapes = [got.shape, want.shape].map((shape) => `[${shape.join(', ')}]`);
  if (shapes[0] !== shapes[1])
    return { largest: Infinity, problem: `${name} has the shape ${shapes[0]}, not ${shapes[1]}` };
  const exact = !['F32', 'F64', 'F16', 'BF16'].includes(want.dtype);
  return compareValues(name, got.data, numbersOf(want), { atol, rtol, exact });
}

/** Compares numbers of one length: within `atol + rtol · |want|`, or exactly; ±∞ and NaN as they stand. */
export function compareValues(
  name: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { atol, rtol, exact }: { readonly atol: number; readonly rtol: number; readonly exact: boolean },
): Comparison {
  if (got.length !== want.length)
    return { largest: Infinity, problem: `${name} has ${got.length} values, not ${want.length}` };
  let largest = 0;
  let worst = -1;
  let outside = 0;
  for (let i = 0; i < want.length; i++) {
    const a = got[i]!;
    const b = want[i]!;
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const error = Number.isNaN(a) || Number.isNaN(b) ? Infinity : Math.abs(a - b);
    // against an infinity no tolerance helps: rtol · ∞ would allow anything
    const allowed = exact || !Number.isFinite(b) ? 0 : atol + rtol * Math.abs(b);
    if (error > allowed) outside++;
    if (error > largest || worst < 0) worst = i;
    largest = Math.max(largest, error);
  }
  if (outside === 0) return { largest };
  const rule = exact ? 'exactly' : `within ${atol} + ${rtol}·|want|`;
  return {
    largest,
    problem: `${name}: ${outside} of ${want.length} values differ (wanted ${rule}); the worst, [${worst}], is ${got[worst]}, not ${want[worst]}`,
  };
}
