import { readFileSync } from 'node:fs';
import {
  createGgufTokenizer,
  createHuggingFaceTokenizer,
  createTokenizer,
  FormatError,
  readJson,
  readJsonVocabulary,
  readLlama2cVocabulary,
  type Tokenizer,
  type TokenizerSource,
} from '@headwise/models';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { deadline } from './deadline.ts';

/**
 * The tokenizer that a model's files describe.
 *
 * @param rows of the embedding table: every id is below
 * @throws {FormatError} if it contradicts itself, or is another model's.
 */
export function tokenizerOf(source: TokenizerSource, rows: number): Tokenizer {
  switch (source.kind) {
    case 'huggingface':
      return createHuggingFaceTokenizer({
        Tokenizer: Library,
        json: source.json,
        config: source.config,
        rows,
        deadline,
      });
    case 'gguf':
      return createGgufTokenizer(source.metadata, rows);
    case 'llama2c': {
      const tokenizer = createTokenizer(source.vocabulary);
      if (tokenizer.size !== rows)
        throw new FormatError(
          'tokenizer',
          `it has ${tokenizer.size} pieces, the model ${rows} ids: this is another model's tokenizer`,
        );
      return tokenizer;
    }
  }
}

/**
 * A tokenizer from a file of its own: a `tokenizer.json`, a `.vocab.json` (pieces and scores), or llama2.c's `.bin`.
 * @throws {FormatError} if it is none of them.
 */
export function readTokenizerFile(path: string): TokenizerSource {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new FormatError('file', (error as Error).message);
  }
  if (!path.endsWith('.json'))
    return { kind: 'llama2c', vocabulary: readLlama2cVocabulary(new Uint8Array(bytes)) };
  const json = readJson(new Uint8Array(bytes), 'tokenizer');
  const isHuggingFace = typeof json === 'object' && json !== null && Object.hasOwn(json, 'model');
  return isHuggingFace
    ? { kind: 'huggingface', json }
    : { kind: 'llama2c', vocabulary: readJsonVocabulary(new Uint8Array(bytes)) };
}
