export {
  type BlockCall,
  type BlockParts,
  type BlockResult,
  type BlockWeights,
  blockParameters,
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
export { FormatError } from './errors.ts';
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
export { createLlama, type LlamaConfig, llamaName, llamaParts, readLlamaConfig } from './llama.ts';
export { createGeglu, createGeluMlp, createSwiglu, type Mlp } from './mlps.ts';
export { createLayerNorm, createRmsNorm, type Norm } from './norms.ts';
export { randomWeights } from './random-weights.ts';
export type { LayerLook, Session, SessionOptions, StatesFactory, StepIds, StepOptions } from './session.ts';
export { stepOf } from './step.ts';
export { createTokenizer, type TextStream, type Tokenizer, type Vocabulary } from './tokenizer.ts';
export { matchWeights } from './weights.ts';
