export { FormatError } from './errors.ts';
export { readJsonVocabulary, readLlama2cVocabulary } from './formats/llama2c-tokenizer.ts';
export {
  type HostDType,
  type HostTensor,
  numbersOf,
  readSafetensors,
  type Safetensors,
  writeSafetensors,
} from './formats/safetensors.ts';
export { createTokenizer, type TextStream, type Tokenizer, type Vocabulary } from './tokenizer.ts';
