/**
 * `@headwise/attention-variants/wiring`: what the built-in variants are made of, for one that brings its own operation.
 *
 * @module
 */
export { checkAttendCall, checkGroups, checkLayerCall, checkLayerShape, checkWeights } from './checks.ts';
export { resolveOptions } from './configure.ts';
export { seenPairs, sumCost } from './cost.ts';
export {
  gateHeads,
  mergeHeads,
  normHeads,
  placement,
  positionBias,
  project,
  rotate,
  rotateQueries,
  softmaxAttention,
  splitHeads,
  withBiases,
} from './wiring.ts';
