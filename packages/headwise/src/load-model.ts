import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createLlama,
  createTokenizer,
  type Decoder,
  FormatError,
  type HostTensor,
  type LlamaConfig,
  readJson,
  readJsonVocabulary,
  readLlama2c,
  readLlama2cVocabulary,
  readLlamaConfig,
  readSafetensors,
  type Tokenizer,
} from '@headwise/models';
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
export function loadModel(device: Device, path: string, tokenizerPath?: string): LoadedModel {
  if (!existsSync(path)) throw new FormatError('model', `there is no ${path}`);
  const isFolder = statSync(path).isDirectory();
  const { config, tensors } = isFolder ? readFolder(path) : inFile(path, () => readLlama2c(bytesOf(path)));
  const tokenizer = tokenizerPath
    ? readTokenizer(tokenizerPath)
    : findTokenizer(isFolder ? path : dirname(path), config.V);
  if (tokenizer && tokenizer.size !== config.V)
    throw new FormatError(
      'model',
      `the tokenizer ${tokenizerPath} has ${tokenizer.size} pieces, the model ${config.V} ids`,
    );
  return {
    name: basename(path),
    path,
    decoder: inFile(path, () => createLlama(device, config, tensors)),
    stopIds: config.stopIds,
    tokenizer,
  };
}

function readFolder(path: string): {
  config: LlamaConfig;
  tensors: ReadonlyMap<string, HostTensor>;
} {
  const [configPath, weightsPath] = ['config.json', 'model.safetensors'].map((name) => join(path, name));
  const missing = [configPath!, weightsPath!].filter((file) => !existsSync(file));
  if (missing.length > 0) {
    const binaries = readdirSync(path).filter((name) => name.endsWith('.bin'));
    throw new FormatError(
      'model',
      `${path} has no ${missing.map((file) => basename(file)).join(' and no ')}`,
      [
        'a folder needs config.json and model.safetensors',
        ...(binaries.length > 0 ? [`a llama2.c model is given by its file: ${binaries.join(', ')}`] : []),
      ],
    );
  }
  const config = inFile(configPath!, () => readLlamaConfig(readJson(bytesOf(configPath!), 'config')));
  return { config, tensors: inFile(weightsPath!, () => readSafetensors(bytesOf(weightsPath!)).tensors) };
}

function findTokenizer(folder: string, V: number): Tokenizer | undefined {
  const names = readdirSync(folder).filter((name) => /\.vocab\.json$|^tok.*\.bin$/.test(name));
  // text before binary: the same vocabulary, and the one a person can read
  names.sort((a, b) => Number(b.endsWith('.json')) - Number(a.endsWith('.json')) || (a < b ? -1 : 1));
  const found = names.map((name) => readTokenizer(join(folder, name)));
  return found.find(({ size }) => size === V);
}

function readTokenizer(path: string): Tokenizer {
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

/** Says which file a format complains about. */
function inFile<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!FormatError.isInstance(error)) throw error;
    const details = error.problems.length > 1 || error.message.includes('\n') ? error.problems : [];
    const [first = ''] = error.message.split('\n');
    throw new FormatError(path, first, details);
  }
}
