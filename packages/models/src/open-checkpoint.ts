import type { ByteSource, Checkpoint, FileSet, TokenizerSource } from './checkpoint.ts';
import { FormatError, inFile } from './errors.ts';
import { ggufCheckpoint } from './formats/gguf-checkpoint.ts';
import { readJson, shown } from './formats/json.ts';
import { llama2cCheckpoint } from './formats/llama2c.ts';
import { readJsonVocabulary, readLlama2cVocabulary } from './formats/llama2c-tokenizer.ts';
import { withPairs } from './formats/mxfp4-pairs.ts';
import { INDEX, oneSafetensors, shardedSafetensors } from './formats/safetensors-checkpoint.ts';
import { joinedSource } from './sources/byte-sources.ts';

const FORMAT = 'model';
const CONFIG = 'config.json';
const WEIGHTS = 'model.safetensors';
const TOKENIZER_CONFIG = 'tokenizer_config.json';
/** `…-00001-of-00003.gguf`, as `gguf-split` names its parts. */
const part = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** `….gguf.part00`: a file that was cut anywhere. */
const piece = /^(.*\.gguf\.part)\d+$/;

/** How a checkpoint is opened. */
export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the files of a model, whatever their format: a folder with `config.json` and `model.safetensors` (or the files
 * of `model.safetensors.index.json`), a GGUF file or the parts of one, a llama2.c `.bin`. What is read are headers,
 * configuration and tokenizer; a tensor is read when it is asked for.
 *
 * @param files from `pathFiles` (of `@headwise/models/node`), `filesOf`, `urlFiles`
 * @throws {FormatError} naming the file, if one is missing or is not what its format demands.
 * @throws the reason of the signal once it is aborted.
 */
export async function openCheckpoint(files: FileSet, { signal }: OpenOptions = {}): Promise<Checkpoint> {
  const name = files.main ?? onlyGguf(files);
  if (name === undefined) return openFolder(files, WEIGHTS, signal);
  if (name.endsWith('.gguf')) return openGguf(files, name, signal);
  if (piece.test(name)) return openPieces(files, name, signal);
  if (name.endsWith('.safetensors')) return openFolder(files, name, signal);
  if (name === CONFIG || name === INDEX) return openFolder(files, WEIGHTS, signal);
  return openLlama2c(files, name, signal);
}

/** The GGUF model of a folder without a config. */
function onlyGguf({ name, names }: FileSet): string | undefined {
  if (!names || names.includes(CONFIG)) return undefined;
  const models = names.filter(
    (file) =>
      (file.endsWith('.gguf') && (part.exec(file)?.[2] ?? '00001') === '00001') ||
      /\.gguf\.part0+$/.test(file),
  );
  if (models.length < 2) return models[0];
  throw new FormatError(FORMAT, `${name} has several models; give one of them: ${models.join(', ')}`);
}

async function openGguf(files: FileSet, name: string, signal?: AbortSignal): Promise<Checkpoint> {
  const [, stem, , count] = part.exec(name) ?? [];
  const names =
    stem === undefined
      ? [name]
      : Array.from(
          { length: Number(count) },
          (_, n) => `${stem}-${String(n + 1).padStart(5, '0')}-of-${count}.gguf`,
        );
  const sources: ByteSource[] = [];
  return closing(sources, async () => {
    for (const each of names) sources.push(await needed(files, each, signal));
    return inFile(sources[0]!.name, () => ggufCheckpoint(sources, signal));
  });
}

async function openPieces(files: FileSet, name: string, signal?: AbortSignal): Promise<Checkpoint> {
  const [, stem] = piece.exec(name)!;
  const names = (files.names ?? []).filter((file) => piece.exec(file)?.[1] === stem).sort();
  const sources: ByteSource[] = [];
  return closing(sources, async () => {
    for (const each of names) sources.push(await needed(files, each, signal));
    const whole = joinedSource(pathOf(files, `${stem}…`), sources);
    return inFile(whole.name, () => ggufCheckpoint([whole], signal));
  });
}

async function openLlama2c(files: FileSet, name: string, signal?: AbortSignal): Promise<Checkpoint> {
  const sources: ByteSource[] = [];
  return closing(sources, async () => {
    const source = await needed(files, name, signal);
    sources.push(source);
    // a file of another ending may be anything
    if (!name.endsWith('.bin') && (await beginsAs(source, 'GGUF', signal)))
      return inFile(source.name, () => ggufCheckpoint(sources, signal));
    if (/pytorch|\.pt$|\.pth$/.test(name) || (await beginsAs(source, 'PK', signal)))
      throw new FormatError(
        FORMAT,
        `${source.name} is a file of Python objects, which may run code when it is read; save it as safetensors`,
      );
    const opened = await inFile(source.name, () => llama2cCheckpoint(source, signal));
    const V = opened.tensors.get('model.embed_tokens.weight')!.shape[0]!;
    return { ...opened, tokenizer: await vocabularyOf(files, V, signal) };
  });
}

async function openFolder(files: FileSet, weights: string, signal?: AbortSignal): Promise<Checkpoint> {
  const sources: ByteSource[] = [];
  return closing(sources, async () => {
    const configFile = await files.open(CONFIG, signal);
    if (configFile) sources.push(configFile);
    const one = await files.open(weights, signal);
    if (one) sources.push(one);
    const index = one ? undefined : await contentOf(files, INDEX, signal);
    if (!configFile || !(one || index))
      throw incomplete(files, [!configFile && CONFIG, !(one || index) && weights]);
    const config = await inFile(configFile.name, async () =>
      readJson(await configFile.read(0, configFile.size, signal), 'config'),
    );
    configFile.close?.();
    const opened = one
      ? await inFile(one.name, () => oneSafetensors(one, signal))
      : await inFile(`${files.name}/${INDEX}`, () => shardedSafetensors(files, index!, signal));
    try {
      const json = async (name: string): Promise<unknown> => jsonOf(files, name, signal);
      const tokenizerConfig = await json(TOKENIZER_CONFIG);
      if (tokenizerConfig !== undefined && !isRecord(tokenizerConfig))
        throw new FormatError(
          pathOf(files, TOKENIZER_CONFIG),
          `it must be an object, it is ${shown(tokenizerConfig)}`,
        );
      return {
        ...withPairs(opened),
        name: files.name,
        format: 'safetensors',
        config,
        generationConfig: await json('generation_config.json'),
        tokenizer: await tokenizerOf(files, config, tokenizerConfig, signal),
        chatTemplate: await templateOf(files, tokenizerConfig, signal),
      };
    } catch (error) {
      opened.close();
      throw error;
    }
  });
}

function incomplete({ name, names }: FileSet, missing: readonly (string | false)[]): FormatError {
  const binaries = (names ?? []).filter((file) => file.endsWith('.bin') && !file.startsWith('tok'));
  const pickled = binaries.filter((file) => /pytorch/.test(file));
  const plain = binaries.filter((file) => !pickled.includes(file));
  return new FormatError(FORMAT, `${name} has no ${missing.filter(Boolean).join(' and no ')}`, [
    `a folder needs ${CONFIG} and ${WEIGHTS} (or ${INDEX} and its files), or one *.gguf`,
    ...(plain.length > 0 ? [`a llama2.c model is given by its file: ${plain.join(', ')}`] : []),
    ...(pickled.length > 0
      ? [
          `${pickled.join(', ')}: files of Python objects may run code when they are read; save them as safetensors`,
        ]
      : []),
  ]);
}

async function tokenizerOf(
  files: FileSet,
  config: unknown,
  tokenizerConfig: unknown,
  signal?: AbortSignal,
): Promise<TokenizerSource | undefined> {
  const json = await jsonOf(files, 'tokenizer.json', signal);
  if (json !== undefined) return { kind: 'huggingface', json, config: tokenizerConfig };
  const V = isRecord(config) && Object.hasOwn(config, 'vocab_size') ? config.vocab_size : undefined;
  return vocabularyOf(files, V, signal);
}

/** Pieces and scores, as text before binary, which a person can read; of several those of the model's vocabulary. */
async function vocabularyOf(
  files: FileSet,
  V: unknown,
  signal?: AbortSignal,
): Promise<TokenizerSource | undefined> {
  const names = files.names ?? ['tokenizer.bin'];
  const found = [
    ...names.filter((name) => name.endsWith('.vocab.json')),
    ...names.filter((name) => /^tok.*\.bin$/.test(name)),
  ];
  for (const name of found) {
    const content = await contentOf(files, name, signal);
    if (!content) continue;
    const vocabulary = await inFile(pathOf(files, name), () =>
      name.endsWith('.json') ? readJsonVocabulary(content) : readLlama2cVocabulary(content),
    );
    if (vocabulary.pieces.length === V) return { kind: 'llama2c', vocabulary };
  }
  return undefined;
}

/** A file of its own, or a field of `tokenizer_config.json`: a text, or several with names. */
async function templateOf(
  files: FileSet,
  tokenizerConfig: unknown,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const content = await contentOf(files, 'chat_template.jinja', signal);
  if (content) return new TextDecoder().decode(content);
  const said = isRecord(tokenizerConfig) ? tokenizerConfig.chat_template : undefined;
  if (typeof said === 'string' || said === undefined || said === null) return said ?? undefined;
  const all: readonly unknown[] = Array.isArray(said) ? said : [undefined];
  const isTemplate = (each: unknown): each is { name: string; template: string } =>
    isRecord(each) && typeof each.name === 'string' && typeof each.template === 'string';
  if (!all.every(isTemplate))
    throw new FormatError(
      pathOf(files, TOKENIZER_CONFIG),
      `chat_template must be a text, or a list of texts with names, it is ${shown(said)}`,
    );
  return all.find(({ name }) => name === 'default')?.template;
}

async function jsonOf(files: FileSet, name: string, signal?: AbortSignal): Promise<unknown> {
  const content = await contentOf(files, name, signal);
  return content && inFile(pathOf(files, name), () => readJson(content, name.replace('.json', '')));
}

/** The whole of a small file. */
async function contentOf(
  files: FileSet,
  name: string,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (files.names && !files.names.includes(name)) return undefined;
  const source = await files.open(name, signal);
  try {
    return await source?.read(0, source.size, signal);
  } finally {
    source?.close?.();
  }
}

async function needed(files: FileSet, name: string, signal?: AbortSignal): Promise<ByteSource> {
  const source = await files.open(name, signal);
  if (source) return source;
  throw new FormatError(FORMAT, `${files.name}: there is no ${name}`);
}

async function beginsAs(source: ByteSource, text: string, signal?: AbortSignal): Promise<boolean> {
  if (source.size < text.length) return false;
  return new TextDecoder().decode(await source.read(0, text.length, signal)) === text;
}

/** Where a file of a set is, for messages. */
function pathOf({ name, main }: FileSet, file: string): string {
  const folder = main && name.endsWith(main) ? name.slice(0, -main.length) : `${name}/`;
  return `${folder.replace(/\/+$/, '')}/${file}`;
}

/** Closes what was opened when it comes to nothing. */
async function closing<Result>(sources: readonly ByteSource[], open: () => Promise<Result>): Promise<Result> {
  try {
    return await open();
  } catch (error) {
    for (const source of sources) source.close?.();
    throw error;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
