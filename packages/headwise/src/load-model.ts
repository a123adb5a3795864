import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createTokenizer,
  type Decoder,
  FormatError,
  inFile,
  loadModel as load,
  openCheckpoint,
  readJsonVocabulary,
  readLlama2cVocabulary,
  type Tokenizer,
} from '@headwise/models';
import { pathFiles } from '@headwise/models/node';
import { families } from '@headwise/models/registry';
import type { Device } from '@headwise/tensor';

/** A model from disk, ready to run. */
export interface LoadedModel {
  readonly name: string;
  readonly path: string;
  readonly decoder: Decoder;
  /** Ids that end a text. */
  readonly stopIds: readonly number[];
  /** Absent where no tokenizer lies beside the weights: ids can be run all the same. */
  readonly tokenizer: Tokenizer | undefined;
}

/** The checkpoint that ships with this package. */
export const shippedModel = fileURLToPath(new URL('../assets/little-stories/', import.meta.url));

/**
 * Loads a model: a folder with `config.json`, `model.safetensors` and a tokenizer, or a llama2.c `.bin` with its
 * tokenizer beside it. A tokenizer is a `*.vocab.json` (pieces and scores as text) or a llama2.c `tok*.bin`; where
 * several lie there, the one of the model's vocabulary.
 *
 * @throws {FormatError} if a file is missing or is not what its format demands.
 */
export async function loadModel(device: Device, path: string, tokenizerPath?: string): Promise<LoadedModel> {
  const checkpoint = await openCheckpoint(pathFiles(path));
  try {
    const { kind, model, ids } = await load(device, checkpoint, { families });
    if (kind !== 'decoder')
      throw new FormatError('model', `${path} is an ${kind}, and only a decoder continues a text`);
    const tokenizer = tokenizerPath
      ? await readTokenizer(tokenizerPath)
      : checkpoint.tokenizer?.kind === 'llama2c'
        ? createTokenizer(checkpoint.tokenizer.vocabulary)
        : undefined;
    if (tokenizer && tokenizer.size !== model.V)
      throw new FormatError(
        'model',
        `the tokenizer ${tokenizerPath} has ${tokenizer.size} pieces, the model ${model.V} ids`,
      );
    return { name: basename(path), path, decoder: model, stopIds: ids.stop, tokenizer };
  } finally {
    checkpoint.close();
  }
}

async function readTokenizer(path: string): Promise<Tokenizer> {
  return inFile(path, () =>
    createTokenizer(
      path.endsWith('.json') ? readJsonVocabulary(bytesOf(path)) : readLlama2cVocabulary(bytesOf(path)),
    ),
  );
}

function bytesOf(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new FormatError('file', (error as Error).message);
  }
}
