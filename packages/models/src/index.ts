export type { Arrangement, Sublayer } from './arrangements/arrangement.ts';
export { branchNorm } from './arrangements/branch-norm.ts';
export { parallel, parallelOneNorm } from './arrangements/parallel.ts';
export { postNorm } from './arrangements/post-norm.ts';
export { preNorm } from './arrangements/pre-norm.ts';
export { sandwich } from './arrangements/sandwich.ts';
export {
  type Block,
  type BlockOptions,
  type BlockResult,
  type Blocks,
  type BlockWeights,
  block,
  blockParameters,
  blockStates,
  runBlock,
} from './block.ts';
export {
  createDecoder,
  type Decoder,
  type DecoderOptions,
  type DecoderParts,
  type DecoderShape,
  decoderParameters,
  decoderSpecs,
} from './decoder.ts';
export {
  createEncoder,
  type Encoded,
  type EncodeOptions,
  type Encoder,
  type EncoderOptions,
  type EncoderParts,
  encoderParameters,
} from './encoder.ts';
export {
  createEncoderDecoder,
  type EncoderDecoder,
  type EncoderDecoderOptions,
  type EncoderDecoderParts,
  encoderDecoderParameters,
} from './encoder-decoder.ts';
export { FormatError } from './errors.ts';
export {
  createModel,
  defineFamily,
  type Family,
  type Model,
  type ModelParts,
  modelParameters,
  type ReadConfig,
  readConfig,
  type SpecialIds,
} from './family.ts';
export type { ConfigFields } from './formats/config-fields.ts';
export { contextOf, positionsOf } from './formats/config-positions.ts';
export { type HeadSizes, headSizes } from './formats/head-sizes.ts';
export { readJson } from './formats/json.ts';
export { type Llama2c, readLlama2c } from './formats/llama2c.ts';
export { readJsonVocabulary, readLlama2cVocabulary } from './formats/llama2c-tokenizer.ts';
export {
  type HostDType,
  type HostTensor,
  numbersOf,
  readSafetensors,
  type Safetensors,
  writeSafetensors,
} from './formats/safetensors.ts';
export {
  createLlama,
  type LlamaConfig,
  llamaName,
  llamaParts,
  llamaWeights,
  readLlamaConfig,
} from './llama.ts';
export type { Flow, Part, PartCall, PartResult, Shapes, Weights } from './part.ts';
export { type AttentionPartOptions, attentionPart, crossPart } from './parts/attention.ts';
export {
  createGeglu,
  createGeluMlp,
  createReluMlp,
  createSwiglu,
  feedForward,
  type Mlp,
  type MlpOptions,
} from './parts/feed-forward.ts';
export { createLayerNorm, createRmsNorm, type Norm } from './parts/norms.ts';
export {
  bucketPositions,
  learnedPositions,
  type TrainedPosition,
} from './parts/trained-position.ts';
export { randomWeights } from './random-weights.ts';
export { type Session, stepOf } from './session.ts';
export type {
  SessionModel,
  SessionOptions,
  SessionSource,
  StatesFactory,
  StepIds,
  StepOptions,
} from './session-contract.ts';
export type { LayerLook } from './stack.ts';
export { createTokenizer, type TextStream, type Tokenizer, type Vocabulary } from './tokenizer.ts';
export {
  appended,
  buildWeights,
  type FileTensor,
  named,
  part,
  plus,
  reshaped,
  stacked,
  transposed,
  type WeightBuilder,
  type WeightExtras,
  type WeightSource,
} from './weights.ts';
