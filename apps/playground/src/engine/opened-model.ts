import {
  type Checkpoint,
  createGgufTokenizer,
  createHuggingFaceTokenizer,
  createTokenizer,
  type FileSet,
  FormatError,
  familyOf,
  filesOf,
  type LoadProgress,
  loadModel,
  modelParameters,
  openCheckpoint,
  readConfig,
  type Tokenizer,
  type TokenizerSource,
  urlFiles,
} from '@headwise/models';
import { families } from '@headwise/models/registry';
import type { Device } from '@headwise/tensor';

/** Files that a visitor chose, or where they lie. */
export type ModelPlace = { readonly files: readonly File[] } | { readonly url: string };

/** What a page says of a model that was opened. */
export interface ModelFacts {
  readonly name: string;
  /** `Llama`, `Qwen 3` … */
  readonly family: string;
  readonly format: Checkpoint['format'];
  readonly layers: number;
  /** Query heads. */
  readonly H: number;
  /** Ids. */
  readonly V: number;
  readonly parameters: number;
}

/** A model of the visitor's own: views take it in place of the one that lies beside the page. */
export interface OpenedModel {
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer;
  readonly facts: ModelFacts;
}

let opened: OpenedModel | undefined;

/** The one that is open; undefined for the shipped one. Never throws. */
export function openedModel(): OpenedModel | undefined {
  return opened;
}

/** Goes back to the shipped one. Never throws. */
export function closeModel(): void {
  opened?.checkpoint.close();
  opened = undefined;
}

/**
 * Opens a model and tries it: every weight is read and put on the device once, so that a broken file says so here. Nothing
 * is uploaded; files are read where they are. The one that was open stays open until this one is.
 *
 * @throws {FormatError} what the library says of the files: missing, broken, unknown, without tokenizer, no decoder.
 * @throws {DeviceError} if the device has no room for it, or cannot run it.
 * @throws the reason of the signal.
 */
export async function openModel(
  place: ModelPlace,
  device: Device,
  {
    signal,
    onProgress,
  }: { readonly signal: AbortSignal; readonly onProgress: (progress: LoadProgress) => void },
): Promise<ModelFacts> {
  const checkpoint = await openCheckpoint(fileSetOf(place), { signal });
  try {
    const { model, config } = readConfig(familyOf(checkpoint.config, families), checkpoint.config);
    void config;
    if (model.kind !== 'decoder')
      throw new FormatError(
        checkpoint.name,
        `it is an ${model.kind}; these views read and continue a text, which a decoder does`,
      );
    const { shape } = model.parts;
    const tokenizer = await tokenizerOf(checkpoint, shape.V);
    const loaded = await loadModel(device, checkpoint, { families, signal, onProgress });
    loaded.model.dispose();
    const parameters = Object.values(modelParameters(model)).reduce(
      (sum, size) => sum + size.reduce((a, b) => a * b, 1),
      0,
    );
    const facts: ModelFacts = {
      name: checkpoint.name,
      family: loaded.family.title,
      format: checkpoint.format,
      layers: shape.layers,
      H: shape.H,
      V: shape.V,
      parameters,
    };
    closeModel();
    opened = { checkpoint, tokenizer, facts };
    return facts;
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}

function fileSetOf(place: ModelPlace): FileSet {
  if ('url' in place) return urlFiles(place.url);
  if (place.files.length === 0) throw new FormatError('model', 'no file was given');
  return filesOf(place.files);
}

async function tokenizerOf({ name, tokenizer }: Checkpoint, rows: number): Promise<Tokenizer> {
  if (!tokenizer)
    throw new FormatError(name, 'it comes without a tokenizer', [
      'give the file that lies beside it, too: tokenizer.json, tokenizer.vocab.json, or tokenizer.bin',
    ]);
  return made(tokenizer, rows);
}

async function made(source: TokenizerSource, rows: number): Promise<Tokenizer> {
  if (source.kind === 'gguf') return createGgufTokenizer(source.metadata, rows);
  if (source.kind === 'llama2c') return createTokenizer(source.vocabulary);
  const { Tokenizer: Library } = await import('@huggingface/tokenizers');
  const { json, config } = source;
  return createHuggingFaceTokenizer({ Tokenizer: Library, json, config, rows });
}
