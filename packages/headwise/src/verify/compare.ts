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
 * @throws {Error} if a tolerance is not a number ≥ 0.
 */
export function compareOutputs({ outputs, tolerance }: VerifyCase, got: Got): Comparison {
  let largest = 0;
  let problem: string | undefined;
  for (const [name, want] of Object.entries(outputs)) {
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
  if (got.data.length !== want.data.length)
    return { largest: Infinity, problem: `${name} has ${got.data.length} values, not ${want.data.length}` };

  const exact = !['F32', 'F64', 'F16', 'BF16'].includes(want.dtype);
  const values = numbersOf(want);
  let largest = 0;
  let worst = -1;
  let outside = 0;
  for (let i = 0; i < values.length; i++) {
    const a = got.data[i]!;
    const b = values[i]!;
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
    problem: `${name}: ${outside} of ${values.length} values differ (wanted ${rule}); the worst, [${worst}], is ${got.data[worst]}, not ${values[worst]}`,
  };
}
