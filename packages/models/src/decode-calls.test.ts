import {
  configure,
  crossLayer,
  groupedQuery,
  linear,
  multiHead,
  multiHeadLatent,
  sinkTokens,
  slidingWindow,
} from '@headwise/attention-variants';
import { alibi } from '@headwise/positional';
import { createReference, watch, writeOp } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import type { Session } from './session.ts';
import type { StepIds } from './session-contract.ts';
import { tinyDecoder } from './testing/tiny.ts';

// what a step says to the device; numbers that differ from step to step are in tensors, whose addresses stay
const models = {
  contiguous: { attention: configure(multiHead) },
  'contiguous, under a bias': { attention: configure(multiHead), position: alibi() },
  'of fewer heads': { attention: configure(groupedQuery, { Hkv: 2 }) },
  ring: { attention: configure(slidingWindow, { window: 4 }) },
  'ring with sinks': { attention: configure(sinkTokens, { sinks: 2, window: 4 }) },
  latent: { attention: configure(multiHeadLatent, { latent: 8, rope: 4 }) },
  recurrent: { attention: configure(linear) },
  shared: { attention: configure(crossLayer, { factor: 2 }) },
} as const;

describe.each(Object.keys(models) as (keyof typeof models)[])('%s', (name) => {
  it.each([
    ['one sequence', [[3, 1]], [[4]]],
    [
      'two sequences',
      [
        [3, 1],
        [2, 5],
      ],
      [[4], [5]],
    ],
    ['sequences of different lengths', [[3, 1], [2], [5, 6, 7]], [[4], [5], [6]]],
  ])('makes one decode step of %s as it makes the next', (_, prompt, next) => {
    const session = tinyDecoder(createReference(), { blocks: models[name] }).start({ B: prompt.length });
    session.step(prompt);
    session.step(next); // the first of this form makes what the others use
    const first = callsOf(session, next);
    // past the window of a ring, and past where it wraps
    for (let i = 0; i < 9; i++) expect(callsOf(session, next)).toEqual(first);
  });
});

/** All operations of a step; what the host writes are its numbers, which stand in the same tensors each time. */
function callsOf(session: Session, ids: StepIds): readonly string[] {
  const calls: string[] = [];
  watch(
    ({ op, params, inputs }) => {
      const fromHost = op === writeOp && inputs.source === undefined;
      if (fromHost) return;
      const shapes = Object.entries(inputs).map(([name, tensor]) => `${name} ${tensor?.shape}`);
      calls.push(`${op.name} ${shapes.join('; ')} ${JSON.stringify(params)}`);
    },
    () => session.step(ids),
  );
  return calls;
}
