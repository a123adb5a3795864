import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Checkpoint,
  type Decoder,
  type Encoder,
  type EncoderDecoder,
  FormatError,
  type LoadedModel as Loaded,
  type LoadProgress,
  loadModel as load,
  openCheckpoint,
  type Tokenizer,
} from '@headwise/models';
import { pathFiles } from '@headwise/models/node';
import { families } from '@headwise/models/registry';
import type { Device } from '@headwise/tensor';
import { UsageError } from './errors.ts';
import { readTokenizerFile, tokenizerOf } from './tokenizers.ts';

/** A model from disk, ready to run. */
export interface LoadedModel {
  readonly name: string;
  readonly path: string;
  readonly format: Checkpoint['format'];
  /** The model by its kind, its family, its config, and which ids mean something. */
  readonly loaded: Loaded;
  /** Rows of the embedding table that reads a text. */
  readonly rows: number;
  /** Ids that end a text. */
  readonly stopIds: readonly number[];
  /** Absent where no tokenizer lies beside the weights: ids can be run all the same. */
  readonly tokenizer: Tokenizer | undefined;
  /** In Jinja; absent where the model was not trained to converse. */
  readonly chatTemplate: string | undefined;
  /** `config.json` and `generation_config.json`, as they are. */
  readonly files: { readonly config: unknown; readonly generationConfig: unknown };
}

/** How a model is loaded. */
export interface LoadOptions {
  /** A tokenizer from a file of its own. Default what the model's files have. */
  readonly tokenizer?: string | undefined;
  /** To be trained. */
  readonly float32?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** The checkpoint that ships with this package. */
export const shippedModel = fileURLToPath(new URL('../assets/little-stories/', import.meta.url));

/**
 * Loads a model of any family that is known: a folder with `config.json` and `model.safetensors` (or the files of its
 * index), a GGUF file, or a llama2.c `.bin`, with its tokenizer.
 *
 * @throws {FormatError} naming the file, if one is missing or is not what its format demands.
 * @throws the reason of the signal once it is aborted.
 */
export async function loadModel(
  device: Device,
  path: string,
  { tokenizer: tokenizerPath, float32, signal, onProgress }: LoadOptions = {},
): Promise<LoadedModel> {
  const checkpoint = await openCheckpoint(pathFiles(path), { ...(signal && { signal }) });
  try {
    const source =
      tokenizerPath === undefined
        ? checkpoint.tokenizer
        : inFile(tokenizerPath, () => readTokenizerFile(tokenizerPath));
    const loaded = await load(device, checkpoint, { families, float32, signal, onProgress });
    try {
      const rows = rowsOf(loaded);
      const tokenizer = source && inFile(tokenizerPath ?? path, () => tokenizerOf(source, rows));
      return {
        name: basename(path),
        path,
        format: checkpoint.format,
        loaded,
        rows,
        stopIds: loaded.ids.stop,
        tokenizer,
        chatTemplate: checkpoint.chatTemplate,
        files: { config: checkpoint.config, generationConfig: checkpoint.generationConfig },
      };
    } catch (error) {
      loaded.model.dispose();
      throw error;
    }
  } finally {
    checkpoint.close();
  }
}

function rowsOf({ kind, model }: Loaded): number {
  return kind === 'encoder-decoder' ? model.encoder.shape.V : model.shape.V;
}

/** The model as a command needs it. @throws {UsageError} if it is of another kind, with the commands that run that. */
export function decoderOf(model: LoadedModel, command: string): Decoder {
  return model.loaded.kind === 'decoder' ? model.loaded.model : otherKind(model, command, 'a decoder');
}

/** As `decoderOf`. */
export function encoderOf(model: LoadedModel, command: string): Encoder {
  return model.loaded.kind === 'encoder' ? model.loaded.model : otherKind(model, command, 'an encoder');
}

/** What has classes: an encoder, or an encoder with a decoder that read a text together. As `decoderOf`. */
export function classifierOf(
  model: LoadedModel,
  command: string,
): Pick<Encoder, 'head' | 'context' | 'predict'> {
  const { loaded } = model;
  if (loaded.kind === 'encoder-decoder' && loaded.model.head) return loaded.model;
  return encoderOf(model, command);
}

/** As `decoderOf`. */
export function encoderDecoderOf(model: LoadedModel, command: string): EncoderDecoder {
  return model.loaded.kind === 'encoder-decoder'
    ? model.loaded.model
    : otherKind(model, command, 'an encoder with a decoder');
}

function otherKind({ path, loaded }: LoadedModel, command: string, wanted: string): never {
  const runs = {
    decoder: 'generate',
    encoder: 'embed and classify',
    'encoder-decoder': 'translate',
  }[loaded.kind];
  const article = loaded.kind === 'decoder' ? 'a' : 'an';
  throw new UsageError(
    `${command} needs ${wanted}; ${path} is ${article} ${loaded.kind} (${loaded.family.title}), for headwise ${runs}`,
  );
}

/** The tokenizer of a model that is to read a text. @throws {UsageError} if there is none. */
export function neededTokenizer({ tokenizer, rows, path }: LoadedModel): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new UsageError(
    `no tokenizer of ${rows} pieces lies beside ${path}; give --tokenizer FILE, or ids with --ids`,
  );
}

/** Says which file a format complains about. */
function inFile<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!FormatError.isInstance(error)) throw error;
    const [first = ''] = error.message.split('\n');
    throw new FormatError(path, first, error.message.includes('\n') ? error.problems : []);
  }
}
