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
  type VariantIdentity,
} from './contract.ts';
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
export { type RowHook, type SoftmaxVariant, softmaxVariant } from './softmax-variant.ts';
export { crossLayer } from './variants/cross-layer.ts';
export {
  checkProducers,
  producers,
  type SharingPattern,
  sharingPatterns,
} from './variants/cross-layer-patterns.ts';
export { groupedQuery } from './variants/grouped-query.ts';
export { multiHead } from './variants/multi-head.ts';
export { multiQuery } from './variants/multi-query.ts';
export { slidingWindow, type WindowConvention } from './variants/sliding-window.ts';
export type { ScoreParts } from './wiring.ts';
