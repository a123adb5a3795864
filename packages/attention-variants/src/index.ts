export { type ConfiguredVariant, configure } from './configure.ts';
export {
  type AttendCall,
  type AttendResult,
  type AttentionVariant,
  type Cost,
  type CostCall,
  defineRegistry,
  defineVariant,
  type Extras,
  type GivenOptions,
  type LayerCall,
  type LayerResult,
  type LayerShape,
  type OptionsOf,
  type Paper,
  type Placement,
  type ScoreParts,
  type Tap,
  type VariantIdentity,
} from './contract.ts';
export { type HostWeights, poolHeads, shareLayers, splitLatentUp } from './convert.ts';
export { type DeltaOptions, type DeltaSizes, type DeltaVariant, deltaVariant } from './delta-variant.ts';
export { and, not, or } from './modifiers/compose.ts';
export {
  type Constants,
  type MaskFunction,
  maskModifier,
  type ScoreFunction,
  scoreModifier,
} from './modifiers/define.ts';
export { ModifierError } from './modifiers/error.ts';
export { type Picture, type PictureSize, picture } from './modifiers/picture.ts';
export { additiveScores, additiveScoresOp } from './ops/additive-scores.ts';
export { differentialMix, differentialMixOp, type LambdaVectors } from './ops/differential-mix.ts';
export {
  type LinearAttentionInputs,
  type LinearAttentionParams,
  type LinearAttentionResult,
  linearAttention,
  linearAttentionOp,
  type UpdateRule,
} from './ops/linear-attention.ts';
export {
  type SelectKeysInputs,
  type SelectKeysParams,
  selectKeys,
  selectKeysOp,
} from './ops/select-keys.ts';
export { type SelectedInputs, selectedAttention, selectedBias } from './ops/selected-attention.ts';
export {
  type ShortConvolutionResult,
  shortConvolution,
  shortConvolutionOp,
} from './ops/short-convolution.ts';
export { sumsAfter, sumsAfterOp } from './ops/sums-after.ts';
export type { OwnAttention, OwnCall } from './own-attention.ts';
export { type RowHook, type SoftmaxVariant, softmaxVariant } from './softmax-variant.ts';
export { additive } from './variants/additive.ts';
export { anchor, anchorUntil } from './variants/anchor.ts';
export { chunked } from './variants/chunked.ts';
export { crossAttention } from './variants/cross-attention.ts';
export { crossLayer } from './variants/cross-layer.ts';
export {
  checkProducers,
  producers,
  type SharingPattern,
  sharingPatterns,
} from './variants/cross-layer-patterns.ts';
export { differential } from './variants/differential.ts';
export { forgetting } from './variants/forgetting.ts';
export { type GatedDeltaOptions, gatedDelta } from './variants/gated-delta.ts';
export { groupedQuery } from './variants/grouped-query.ts';
export { indexed } from './variants/indexed.ts';
export { type IndexedLatentOptions, indexedLatent } from './variants/indexed-latent.ts';
export { type KimiDeltaOptions, kimiDelta } from './variants/kimi-delta.ts';
export { learnedSinks } from './variants/learned-sinks.ts';
export { linear } from './variants/linear.ts';
export { mixtureOfBlocks } from './variants/mixture-of-blocks.ts';
export { multiHead } from './variants/multi-head.ts';
export { multiHeadLatent } from './variants/multi-head-latent.ts';
export { multiQuery } from './variants/multi-query.ts';
export { multiplicative } from './variants/multiplicative.ts';
export { nativeSparse } from './variants/native-sparse.ts';
export { prefixLm } from './variants/prefix-lm.ts';
export { sinkTokens } from './variants/sink-tokens.ts';
export { slidingWindow, type WindowConvention } from './variants/sliding-window.ts';
export { softCapped } from './variants/soft-capped.ts';
export { stickBreaking } from './variants/stick-breaking.ts';
export { tailSharing } from './variants/tail-sharing.ts';
