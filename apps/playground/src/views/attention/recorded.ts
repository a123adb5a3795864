import type { Trace } from '../../engine/attention/trace.ts';
import file from './recorded.json' with { type: 'json' };

/** Text of the recording. */
export const recordedText: string = file.text;

/** What the model made of it when `scripts/record.ts` ran: shown until the model is there. */
export const recorded: Trace = revive(file.trace) as Trace;

/** Numbers come as lists with null for masked, infinities as text. */
function revive(value: unknown, name = ''): unknown {
  if (value === 'Infinity') return Infinity;
  if (Array.isArray(value))
    return name === 'ids' ||
      value.some((each) => typeof each === 'string' || (each && typeof each === 'object'))
      ? value.map((each) => revive(each))
      : Float32Array.from(value as (number | null)[], (each) => each ?? Number.NaN);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revive(each, key)]));
}
