import type { Op } from '../../contracts/device.ts';
import { attentionPlan } from './kernels/attention.kernel.ts';
import { headLinearPlan, linearPlan, matmulPlan } from './kernels/contract.kernel.ts';
import {
  addPlan,
  gatedPlan,
  geluPlan,
  multiplyPlan,
  reluPlan,
  siluPlan,
} from './kernels/elementwise.kernel.ts';
import { expertLinearPlan } from './kernels/expert-linear.kernel.ts';
import { gatherPlan } from './kernels/gather.kernel.ts';
import { layerNormPlan, rmsNormPlan } from './kernels/norm.kernel.ts';
import {
  binaryPlan,
  castPlan,
  permutePlan,
  reducePlan,
  scatterAddPlan,
  unaryPlan,
  wherePlan,
} from './kernels/primitives.kernel.ts';
import { argmaxPlan, topKPlan } from './kernels/rank.kernel.ts';
import { rotaryPlan } from './kernels/rotary.kernel.ts';
import { concatPlan, slicePlan } from './kernels/slices.kernel.ts';
import { logSoftmaxPlan, softmaxPlan } from './kernels/softmax.kernel.ts';
import type { PlanMaker } from './source.ts';

/** Plans of the operations of this package. */
const plans = new Map<string, PlanMaker>([
  ['linear', linearPlan],
  ['matmul', matmulPlan],
  ['headLinear', headLinearPlan],
  ['expertLinear', expertLinearPlan],
  ['gather', gatherPlan],
  ['rmsNorm', rmsNormPlan],
  ['layerNorm', layerNormPlan],
  ['add', addPlan],
  ['multiply', multiplyPlan],
  ['silu', siluPlan],
  ['gelu', geluPlan],
  ['relu', reluPlan],
  ['gated', gatedPlan],
  ['softmax', softmaxPlan],
  ['logSoftmax', logSoftmaxPlan],
  ['argmax', argmaxPlan],
  ['topK', topKPlan],
  ['rotary', rotaryPlan],
  ['slice', slicePlan],
  ['concat', concatPlan],
  ['attention', attentionPlan],
  ['unary', unaryPlan],
  ['binary', binaryPlan],
  ['where', wherePlan],
  ['permute', permutePlan],
  ['reduce', reducePlan],
  ['cast', castPlan],
  ['scatterAdd', scatterAddPlan],
]);

/** The plan an operation brings along, or else the one of this package for its name. */
export function planOf(op: Op): PlanMaker | undefined {
  return (op.gpujs as PlanMaker | undefined) ?? plans.get(op.name);
}
