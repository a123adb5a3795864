export { type ConfigEncoding, fromConfig, layersFromConfig } from './config/from-config.ts';
export type { ConfigOptions, HuggingFaceConfig } from './config/read.ts';
export {
  type AnyEncoding,
  defineEncoding,
  type EncodingAbout,
  type EncodingFactory,
  type EncodingKind,
  type Paper,
  type RelativeAttention,
  type RelativeInputs,
  type RelativeOptions,
  type RotaryEncoding,
  type RotationTables,
  type ScoreBias,
  type Spectrum,
  type TableEncoding,
  type TablePositions,
} from './contract.ts';
export { type AlibiOptions, alibi, alibiMatrix, alibiSlopes } from './encodings/alibi.ts';
export { type DynamicNtkOptions, dynamicNtk } from './encodings/dynamic-ntk.ts';
export { type LearnedOptions, learned } from './encodings/learned.ts';
export { type LinearOptions, linear } from './encodings/linear.ts';
export { type Llama3Options, llama3 } from './encodings/llama3.ts';
export { type LongropeOptions, longrope } from './encodings/longrope.ts';
export { none } from './encodings/none.ts';
export { type NtkAwareOptions, ntkAware } from './encodings/ntk-aware.ts';
export { type ProportionalOptions, proportional } from './encodings/proportional.ts';
export { type RotaryOptions, rotary } from './encodings/rotary.ts';
export { type ShawEncoding, type ShawOptions, shaw } from './encodings/shaw.ts';
export { type SinusoidalOptions, sinusoidal, sinusoidalTable } from './encodings/sinusoidal.ts';
export { type BucketOptions, type T5Bias, type T5Options, t5, t5Buckets } from './encodings/t5.ts';
export { type XposOptions, xpos } from './encodings/xpos.ts';
export { type YarnOptions, yarn, yarnMagnitude, yarnRange } from './encodings/yarn.ts';
export { relativeBias, relativeBiasOp } from './ops/relative-bias.ts';
export { shawAttention, shawAttentionOp } from './ops/shaw-attention.ts';
export { convertRotaryLayout, type RotaryWeightShape } from './rotary-layout.ts';
export {
  createRotation,
  inverseFrequencies,
  type LengthRule,
  type RotationOptions,
  type RotationRule,
} from './rotation.ts';
