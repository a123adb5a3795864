export type { Arrangement, Sublayer } from './arrangements/arrangement.ts';
export { branchNorm } from './arrangements/branch-norm.ts';
export { embedNormed } from './arrangements/embed-normed.ts';
export { parallel, parallelOneNorm } from './arrangements/parallel.ts';
export { postNorm } from './arrangements/post-norm.ts';
export { preNorm } from './arrangements/pre-norm.ts';
export { sandwich } from './arrangements/sandwich.ts';
export {
  type Block,
  type BlockOptions,
  type Blocks,
  type BlockWeights,
  block,
  blockAt,
  blockParameters,
  blockStates,
} from './block.ts';
export { type ChatMessage, type ChatOptions, renderChat, type TemplateLibrary } from './chat.ts';
export type {
  ByteSource,
  Checkpoint,
  FileSet,
  GgufMetadata,
  GgufValue,
  TensorInfo,
  TokenizerSource,
} from './checkpoint.ts';
export { type Deadline, DeadlineError } from './deadline.ts';
export {
  createDecoder,
  type Decoder,
  type DecoderOptions,
  type DecoderParts,
  type DecoderShape,
  decoderParameters,
  decoderSpecs,
} from './decoder.ts';
export { type EmbedOptions, embed } from './embed.ts';
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
  type TextReader,
} from './encoder-decoder.ts';
export { FormatError, inFile } from './errors.ts';
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
  unusedBy,
} from './family.ts';
export { activationNames, activationOf } from './formats/config-activation.ts';
export type { ConfigFields } from './formats/config-fields.ts';
export { headOf } from './formats/config-heads.ts';
export { labelsOf } from './formats/config-labels.ts';
export { contextOf, positionsOf } from './formats/config-positions.ts';
export { windowed, windowOf, windowsOf } from './formats/config-window.ts';
export { type HeadSizes, headSizes } from './formats/head-sizes.ts';
export type { StoredTensor, StoredType } from './formats/host-tensor.ts';
export { readJson } from './formats/json.ts';
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
  type ClassifierOptions,
  createClassifier,
  createPooler,
  createTokenClassifier,
  type TokenClassifierOptions,
} from './heads/classifier.ts';
export type { Head } from './heads/head.ts';
export { createMaskedLm, type MaskedLmOptions } from './heads/masked-lm.ts';
export {
  firstToken,
  lastToken,
  maxOfTokens,
  meanOfTokens,
  normalized,
  type Pooling,
} from './heads/pooling.ts';
export {
  checkTensors,
  familyOf,
  type LoadedModel,
  type LoadOptions,
  type LoadProgress,
  loadModel,
} from './load-model.ts';
export {
  attentionPooling,
  type Cut,
  headAndTail,
  headOnly,
  type LongTextOptions,
  overlappingChunks,
  readLong,
  tailOnly,
} from './long-text.ts';
export { cacheOnce, everyFew, type Mixer, mixedBlocks } from './mixes.ts';
export { type OpenOptions, openCheckpoint } from './open-checkpoint.ts';
export type { Flow, Part, PartCall, PartResult, Shapes, Weights } from './part.ts';
export {
  type Activation,
  exactGelu,
  gateBy,
  hyperbolic,
  rectifier,
  sigmoidGelu,
  swish,
  tanhGelu,
} from './parts/activations.ts';
export { type AttentionPartOptions, attentionPart, crossPart, type HeadShape } from './parts/attention.ts';
export { clampedSwiglu } from './parts/clamped-swiglu.ts';
export { createExperts, type ExpertsOptions } from './parts/experts.ts';
export {
  createGatedMlp,
  createGeglu,
  createGeluMlp,
  createMlp,
  createReluMlp,
  createSwiglu,
  feedForward,
  type Mlp,
  type MlpOptions,
} from './parts/feed-forward.ts';
export { globalAttention } from './parts/global-attention.ts';
export { createLayerNorm, createRmsNorm, type Norm } from './parts/norms.ts';
export { roundedAlibi } from './parts/rounded-alibi.ts';
export {
  type Chosen,
  type GroupedRoutingOptions,
  groupedSoftmaxRouting,
  type Routing,
  type SigmoidRoutingOptions,
  sigmoidRouting,
  softmaxOfAll,
  softmaxOfChosen,
} from './parts/routing.ts';
export { besideShared, openedByToken } from './parts/shared-expert.ts';
export {
  bucketPositions,
  learnedPositions,
  type TrainedPosition,
} from './parts/trained-position.ts';
export { randomWeights } from './random-weights.ts';
export { alignedContext, fixedContext, type Reader, type Reading } from './recurrent/reader.ts';
export {
  createRnnEncoderDecoder,
  type RnnEncoderDecoder,
  type RnnOptions,
  type RnnParts,
  type RnnSession,
  rnnParameters,
} from './recurrent/rnn-encoder-decoder.ts';
export { fileTensors } from './save-model.ts';
export { type Session, stepOf } from './session.ts';
export type {
  SessionModel,
  SessionOptions,
  SessionSource,
  SessionStats,
  StatesFactory,
  StepIds,
  StepOptions,
} from './session-contract.ts';
export {
  blobSource,
  joinedSource,
  memorySource,
  type UrlOptions,
  urlSource,
} from './sources/byte-sources.ts';
export { filesOf, urlFiles } from './sources/file-sets.ts';
export { type BlockResult, type LayerLook, runBlock } from './stack.ts';
export type { TapFunction } from './taps.ts';
export {
  createTokenizer,
  type EncodeTextOptions,
  type TextPair,
  type TextStream,
  type Tokenizer,
  type Vocabulary,
} from './tokenizer.ts';
export { createGgufTokenizer, type TokenizerMetadata } from './tokenizers/gguf.ts';
export {
  createHuggingFaceTokenizer,
  type HuggingFaceLibrary,
  type HuggingFaceOptions,
} from './tokenizers/huggingface.ts';
export {
  appended,
  type FileTensor,
  filled,
  named,
  part,
  permuted,
  plus,
  prefixed,
  reshaped,
  scaledColumns,
  stacked,
  transposed,
  type WeightBuilder,
  type WeightSource,
} from './weight-sources.ts';
export { buildWeights, type WeightExtras } from './weights.ts';
export { readFastText } from './word-vectors/fasttext.ts';
export { readGlove } from './word-vectors/glove.ts';
export {
  type NearOptions,
  type NearWord,
  WordEmbedding,
  type WordTable,
  WordVectors,
} from './word-vectors/word-vectors.ts';
export { readWord2Vec, readWord2VecText } from './word-vectors/word2vec.ts';
