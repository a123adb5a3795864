import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  createDecoder,
  type Decoder,
  decoderParameters,
  type Family,
  FormatError,
  fileTensors,
  randomWeights,
  readConfig,
  type Tokenizer,
  type TokenizerSource,
  writeSafetensors,
} from '@headwise/models';
import { families } from '@headwise/models/registry';
import { type Device, printable, type Tensor } from '@headwise/tensor';
import {
  languageModelLoss,
  type StepReport,
  sizeOfParams,
  type TrainOptions,
  type TrainSummary,
  train,
} from '@headwise/training';
import { type RunFolder, runFolder } from '@headwise/training/folder';
import { isOn, type Options, text, whole } from '../arguments.ts';
import { openDevice } from '../devices.ts';
import { UsageError } from '../errors.ts';
import { exitCodes, type Io } from '../io.ts';
import { decoderOf, type LoadedModel, loadModel, neededTokenizer } from '../load-model.ts';
import { jsonLine } from '../output.ts';
import { readTokenizerFile, tokenizerOf } from '../tokenizers.ts';
import { createClassifierRun } from '../train/classifier.ts';
import {
  checkSizes,
  type DataConfig,
  readTrainConfig,
  type TrainConfig,
  trainConfigOf,
} from '../train/config.ts';
import { type TrainingData, trainingData } from '../train/data.ts';
import { examples } from '../train/examples.ts';
import { type AttentionPicture, asHtml, asText, attentionOf } from '../train/picture.ts';
import { createTranslatorRun } from '../train/translator.ts';

/**
 * `headwise train`: trains a decoder of any family from a file, an example, or a model; or an encoder to tell classes of
 * texts apart. A run goes on where it was.
 */
export async function runTrain(path: string | undefined, options: Options, io: Io): Promise<number> {
  const config = configOf(path, options, io);
  const device = await openDevice(text(options, 'device') ?? 'wasm', io.note);
  try {
    return await trainOn(device, config, isOn(options, 'json'), io);
  } finally {
    device.dispose();
  }
}

function configOf(path: string | undefined, options: Options, io: Io): TrainConfig {
  const example = text(options, 'example');
  if ((path === undefined) === (example === undefined))
    throw new UsageError(`give a file, or --example NAME (${Object.keys(examples).join(', ')})`);
  if (example !== undefined && !Object.hasOwn(examples, example))
    throw new UsageError(`there is no example "${example}"; there are ${Object.keys(examples).join(', ')}`);
  const read =
    example === undefined
      ? readTrainConfig(resolve(io.cwd, path!))
      : trainConfigOf(examples[example]!.config, io.cwd, example);
  const out = text(options, 'out');
  const steps = whole(options, 'steps', 1);
  return { ...read, ...(out && { out: resolve(io.cwd, out) }), ...(steps && { steps }) };
}

/** A model and what it is to learn. */
interface Begun {
  readonly family: Family;
  readonly json: Readonly<Record<string, unknown>>;
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly name: string;
  /** Runs the loop on the data, to its end or until it is aborted. */
  readonly run: (options: LoopOptions) => AsyncGenerator<StepReport, TrainSummary>;
  /** A number that is better when it is smaller, and what is said of it. */
  readonly look: () => Promise<{ readonly value: number; readonly told: string }>;
  /** Writes what reads and writes its ids. */
  readonly writeTokenizer: (folder: string) => void;
  readonly picture?: (() => Promise<AttentionPicture>) | undefined;
}

type LoopOptions = Omit<TrainOptions<never>, 'params' | 'loss' | 'data'>;

async function begin(device: Device, config: TrainConfig, io: Io): Promise<Begun> {
  const { data } = config;
  const path = data.kind === 'reversal' ? undefined : data.tokenizer;
  if (config.from === undefined) {
    const source = path === undefined ? undefined : readTokenizerFile(path);
    const rows = typeof config.model.vocab_size === 'number' ? config.model.vocab_size : undefined;
    const tokenizer = source && tokenizerOf(source, rows ?? sizeOfTokenizer(source));
    return fromNothing(device, config, tokenizer, copying(path));
  }
  const loaded = await loadModel(device, config.from, { tokenizer: path, float32: true, signal: io.signal });
  const writeTokenizer = copying(path, config.from);
  if (data.kind === 'examples') return classifierRun(loaded, config, data, writeTokenizer);
  const decoder = decoderOf(loaded, 'train on a text');
  const read = trainingData(data, config.batch, config.seed, neededTokenizer(loaded));
  const { family, weights } = loaded.loaded;
  const json = loaded.files.config as Readonly<Record<string, unknown>>;
  return decoderRun({ family, json, decoder, weights, data: read }, config, writeTokenizer);
}

interface DecoderToTrain {
  readonly family: Family;
  readonly json: Readonly<Record<string, unknown>>;
  readonly decoder: Decoder;
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly data: TrainingData;
}

/** A decoder, or an encoder with a decoder, with random weights, of the family that its config names. */
function fromNothing(
  device: Device,
  config: TrainConfig,
  tokenizer: Tokenizer | undefined,
  writeTokenizer: (folder: string) => void,
): Begun {
  const type = String(config.model.model_type);
  const family = Object.hasOwn(families, type) ? families[type] : undefined;
  if (!family) {
    const known = Object.keys(families).join(', ');
    throw new FormatError('model', `model_type ${type} is unknown; known: ${known}`);
  }
  // the kind of a model does not depend on how many ids there are, and those that it names must be among them
  const { kind } = readConfig(family, { vocab_size: 2 ** 24, ...config.model }).model;
  if (kind === 'encoder-decoder') {
    const made = createTranslatorRun(device, family, config);
    return {
      ...made,
      name: made.data.name,
      run: (options) => train({ ...options, params: made.weights, loss: made.loss, data: made.data }),
      writeTokenizer: () => undefined,
    };
  }
  if (kind !== 'decoder')
    throw new FormatError(
      'model',
      `a ${family.title} is an ${kind}; train begins decoders, alone and with an encoder, from nothing, and encoders from a model (from)`,
    );
  return decoderRun(randomDecoder(device, family, config, tokenizer), config, writeTokenizer);
}

function randomDecoder(
  device: Device,
  family: Family,
  config: TrainConfig,
  tokenizer: Tokenizer | undefined,
): DecoderToTrain {
  const { model, seed } = config;
  const data = trainingData(config.data, config.batch, seed, tokenizer);
  const { V, T } = data;
  const json = { vocab_size: V, ...model };
  const { model: made } = readConfig(family, json);
  if (made.kind !== 'decoder') throw new FormatError('model', `a ${family.title} is an ${made.kind}`);
  const { parts } = made;
  checkSizes(parts.shape.V, parts.context, V, T);
  const weights = randomWeights(device, decoderParameters(parts), { seed });
  return { family, json, decoder: createDecoder({ ...parts, device, weights }), weights, data };
}

function decoderRun(
  { family, json, decoder, weights, data }: DecoderToTrain,
  { smoothing, evaluate }: TrainConfig,
  writeTokenizer: (folder: string) => void,
): Begun {
  const checkLoss = languageModelLoss(decoder);
  const loss = languageModelLoss(decoder, { smoothing });
  return {
    family,
    json,
    weights,
    name: data.train.name,
    run: (options) => train({ ...options, params: weights, loss, data: data.train }),
    async look() {
      let sum = 0;
      for (let i = 0; i < evaluate.batches; i++) {
        using value = checkLoss(weights, data.check.batch(i));
        sum += (await value.data())[0]!;
      }
      const value = sum / evaluate.batches;
      return { value, told: value.toFixed(4) };
    },
    writeTokenizer(folder) {
      writeTokenizer(folder);
      if (data.vocabulary)
        writeFileSync(join(folder, 'tokenizer.vocab.json'), `${JSON.stringify(data.vocabulary)}\n`);
    },
    picture: () => attentionOf(decoder, data.sample),
  };
}

function classifierRun(
  loaded: LoadedModel,
  config: TrainConfig,
  data: DataConfig & { readonly kind: 'examples' },
  writeTokenizer: (folder: string) => void,
): Begun {
  const made = createClassifierRun(loaded, config, data);
  return {
    ...made,
    name: made.data.name,
    run: (options) => train({ ...options, params: made.weights, loss: made.loss, data: made.data }),
    async look() {
      const { loss, accuracy } = await made.look();
      return { value: loss, told: `${loss.toFixed(4)}, right ${(100 * accuracy).toFixed(1)} %` };
    },
    writeTokenizer,
  };
}

/** Copies the files of a tokenizer into a folder: a file of its own, or those beside a model. */
function copying(path: string | undefined, from?: string): (folder: string) => void {
  return (folder) => {
    if (path !== undefined) {
      const ends = ['.vocab.json', '.json'].find((end) => path.endsWith(end)) ?? '.bin';
      copyFileSync(path, join(folder, `tokenizer${ends}`));
    } else if (from !== undefined)
      for (const name of readdirSync(from))
        if (/^(tokenizer|special_tokens|vocab|merges)[\w.]*$/.test(name))
          copyFileSync(join(from, name), join(folder, name));
  };
}

function sizeOfTokenizer(source: TokenizerSource): number {
  return source.kind === 'llama2c' ? source.vocabulary.pieces.length : Infinity;
}

async function trainOn(device: Device, config: TrainConfig, json: boolean, io: Io): Promise<number> {
  const begun = await begin(device, config, io);
  const folder = await runFolder(config.out);
  const began = performance.now();
  const say = (line: string): void => {
    if (!json) io.err(printable(line));
  };
  const size = sizeOfParams(begun.weights);
  say(`${begun.family.title}, ${size} weights, on ${device.name}; ${begun.name}; run in ${config.out}\n`);
  const { summary, loss, evaluation } = await steps(begun, config, folder, io, say);
  for (const name of folder.broken) io.note(`${name} is not whole, the state before it was taken`);
  if (summary.reason === 'aborted') {
    say(`interrupted after step ${summary.step}, saved; the same command goes on\n`);
    if (json) io.out(jsonLine({ out: config.out, ...summary }));
    return exitCodes.interrupted;
  }
  const files = await write(begun, config, json, io);
  const seconds = (performance.now() - began) / 1000;
  const told = { out: config.out, files, parameters: size, device: device.name, loss, evaluation, seconds };
  if (json) io.out(jsonLine({ ...told, ...summary }));
  else
    say(`step ${summary.step}: loss ${loss?.toFixed(4)} in ${seconds.toFixed(1)} s; ${files.join(', ')}\n`);
  return exitCodes.ok;
}

async function steps(
  begun: Begun,
  config: TrainConfig,
  folder: RunFolder,
  io: Io,
  say: (line: string) => void,
): Promise<{ summary: TrainSummary; loss: number | undefined; evaluation: number | undefined }> {
  const { optimizer, rate, accumulate, saveEvery, average, evaluate } = config;
  let told = '';
  const run = begun.run({
    optimizer,
    rate,
    steps: config.steps,
    accumulate,
    saveEvery,
    average,
    store: folder,
    facts: { config: config.text },
    signal: io.signal,
    evaluation: {
      every: evaluate.every,
      patience: evaluate.patience,
      run: async () => {
        const seen = await begun.look();
        told = seen.told;
        return seen.value;
      },
    },
  });
  let last: { loss: number; evaluation: number | undefined } | undefined;
  for (;;) {
    const { value, done } = await run.next();
    if (done) {
      io.status('');
      return { summary: value, loss: last?.loss, evaluation: last?.evaluation };
    }
    const { step, loss, evaluation } = value;
    last = { loss, evaluation: evaluation ?? last?.evaluation };
    io.status(`step ${step} of ${config.steps}: loss ${loss.toFixed(4)}`);
    if (evaluation !== undefined)
      say(`step ${step}: loss ${loss.toFixed(4)}, on what it has not seen ${told}\n`);
  }
}

/** The model as `generate` and others load it, and the picture. */
async function write(begun: Begun, config: TrainConfig, quiet: boolean, io: Io): Promise<string[]> {
  const { family, json, weights } = begun;
  const model = join(config.out, 'model');
  mkdirSync(model, { recursive: true });
  const tensors = await fileTensors(family, json, weights);
  writeFileSync(join(model, 'model.safetensors'), writeSafetensors(tensors, { format: 'pt' }));
  const architectures = json.architectures ?? family.architectures.slice(0, 1);
  const whole = { ...json, architectures, torch_dtype: 'float32' };
  writeFileSync(join(model, 'config.json'), `${JSON.stringify(whole, null, 2)}\n`);
  begun.writeTokenizer(model);
  const curves = join(config.out, 'curves.html');
  const picture = await begun.picture?.();
  if (!picture) return [model, curves];
  const page = join(config.out, 'attention.html');
  writeFileSync(page, asHtml(picture, `What a ${family.title} of ${config.steps} steps looks at`));
  if (!quiet) io.out(printable(`${asText(picture)}\n`));
  return [model, page, curves];
}
