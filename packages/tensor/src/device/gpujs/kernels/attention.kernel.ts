import { sizeOf } from '../../../axes.ts';
import type { OutputSpec } from '../../../contracts/device.ts';
import type { AttentionParams } from '../../../ops/attention.ts';
import { atCursor } from '../../../ops/attention-cursor.ts';
import type { KernelPlan, PlanTarget } from '../plan.ts';
import { extraName, extraSteps } from './attention-extras.kernel.ts';
import { type AttentionShapes, chunksOf, layoutOf } from './attention-form.ts';
import { packStep, scoresStep } from './attention-scores.kernel.ts';
import { maximumStep, sumStep, weightsStep } from './attention-softmax.kernel.ts';
import { valuesStep } from './attention-values.kernel.ts';

const fillSource = 'function (value) { return value; }';

/**
 * Attention in five launches a chunk: scores, their largest, exponentials, their sum, weighted values. Scores are
 * materialised: a thread returns at most four numbers, so a streaming form would compute every score D / 4 times
 * (measured: five to fifteen times slower on every mode).
 */
export function attentionPlan(
  inputs: AttentionShapes,
  given: AttentionParams,
  outputs: readonly OutputSpec[],
  target: PlanTarget,
): KernelPlan {
  const Lk = inputs.k.shape[1]!;
  const params = withSegments(atCursor(given, inputs.cursor?.known, Lk));
  if (Lk === 0) return nothingToSee(params, outputs);
  const layout = layoutOf(inputs, params, target);
  const chunks = chunksOf(layout, params, target);
  const sinks = !!inputs.sinks;
  const steps = chunks.flatMap((chunk) => [
    ...(target.packedRows ? packStep(layout, chunk, params) : []),
    scoresStep(inputs, layout, chunk, params, target),
    maximumStep(layout, chunk, params, sinks),
    weightsStep(layout, chunk, params, target),
    sumStep(layout, chunk, params, sinks, target),
    valuesStep(inputs, layout, chunk, params, target),
    ...extraSteps(layout, chunk, params, target),
  ]);
  return { steps, outputs: [chunks.length > 1 ? 'y' : 'out', ...params.extras.map(extraName)] };
}

// half a position is added because a GPU's division is not exact: ⌊6 / 3⌋ may be 1
const inSegment = `function (b, h, q, k) {
  const segment = Math.floor((k + 0.5) / length);
  const last = segment * length + length - 1;
  return Math.floor((q + 0.5) / length) === segment || (anchors > 0 && k === last) ? 1 : 0;
}`;

/** Segments are one more mask to these kernels, before those of the caller. */
function withSegments(params: AttentionParams): AttentionParams {
  const { segment, anchors, modifiers } = params;
  if (segment === 0) return params;
  const constants = { length: segment, anchors: anchors ? 1 : 0 };
  return { ...params, modifiers: [{ kind: 'mask', source: inSegment, constants }, ...modifiers] };
}

/** No keys: zeros, and a log-sum-exp of −∞. */
function nothingToSee({ extras }: AttentionParams, outputs: readonly OutputSpec[]): KernelPlan {
  const names = ['out', ...extras];
  return {
    steps: outputs.map(({ shape }, i) => ({
      name: names[i]!,
      source: fillSource,
      args: [{ float: names[i] === 'lse' ? -Infinity : 0 }],
      length: sizeOf(shape),
    })),
    outputs: names,
  };
}
