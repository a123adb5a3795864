import { mkdirSync, writeFileSync } from 'node:fs';
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
  writeSafetensors,
} from '@headwise/models';
import { families } from '@headwise/models/registry';
import { type Device, printable, type Tensor } from '@headwise/tensor';
import { languageModelLoss, sizeOfParams, type TrainSummary, train } from '@headwise/training';
import { type RunFolder, runFolder } from '@headwise/training/folder';
import { isOn, type Options, text, whole } from '../arguments.ts';
import { openDevice } from '../devices.ts';
import { UsageError } from '../errors.ts';
import { exitCodes, type Io } from '../io.ts';
import { jsonLine } from '../output.ts';
import { readTrainConfig, type TrainConfig, trainConfigOf } from '../train/config.ts';
import { type TrainingData, trainingData } from '../train/data.ts';
import { examples } from '../train/examples.ts';
import { asHtml, asText, attentionOf } from '../train/picture.ts';

/** `headwise train`: trains a decoder of any family from a file, or an example; a run goes on where it was. */
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

/** A decoder with random weights, of the family that its config names. */
interface Begun {
  readonly family: Family;
  readonly json: Readonly<Record<string, unknown>>;
  readonly decoder: Decoder;
  readonly weights: Readonly<Record<string, Tensor>>;
}

function begin(device: Device, { model, seed }: TrainConfig, { V, T }: TrainingData): Begun {
  const type = String(model.model_type);
  const family = Object.hasOwn(families, type) ? families[type] : undefined;
  if (!family) {
    const known = Object.keys(families).join(', ');
    throw new FormatError('model', `model_type ${type} is unknown; known: ${known}`);
  }
  const json = { vocab_size: V, ...model };
  const { model: made } = readConfig(family, json);
  if (made.kind !== 'decoder')
    throw new FormatError('model', `a ${family.title} is an ${made.kind}; train trains decoders`);
  const { parts } = made;
  if (parts.shape.V < V)
    throw new FormatError('model', `vocab_size ${parts.shape.V} must be at least ${V}, the ids of the data`);
  if ((parts.context ?? Infinity) < T)
    throw new FormatError(
      'model',
      `max_position_embeddings ${parts.context} must be at least ${T}, a row of the data`,
    );
  const weights = randomWeights(device, decoderParameters(parts), { seed });
  return { family, json, decoder: createDecoder({ ...parts, device, weights }), weights };
}

async function trainOn(device: Device, config: TrainConfig, json: boolean, io: Io): Promise<number> {
  const data = trainingData(config.data, config.batch, config.seed);
  const begun = begin(device, config, data);
  const folder = await runFolder(config.out);
  const began = performance.now();
  const say = (line: string): void => {
    if (!json) io.err(printable(line));
  };
  const size = sizeOfParams(begun.weights);
  say(
    `${begun.family.title}, ${size} weights, on ${device.name}; ${data.train.name}; run in ${config.out}\n`,
  );
  const { summary, loss, evaluation } = await steps(begun, config, data, folder, io, say);
  for (const name of folder.broken) io.note(`${name} is not whole, the state before it was taken`);
  if (summary.reason === 'aborted') {
    say(`interrupted after step ${summary.step}, saved; the same command goes on\n`);
    if (json) io.out(jsonLine({ out: config.out, ...summary }));
    return exitCodes.interrupted;
  }
  const files = await write(begun, config, data, json, io);
  const seconds = (performance.now() - began) / 1000;
  const told = { out: config.out, files, parameters: size, device: device.name, loss, evaluation, seconds };
  if (json) io.out(jsonLine({ ...told, ...summary }));
  else
    say(`step ${summary.step}: loss ${loss?.toFixed(4)} in ${seconds.toFixed(1)} s; ${files.join(', ')}\n`);
  return exitCodes.ok;
}

async function steps(
  { decoder, weights }: Begun,
  config: TrainConfig,
  data: TrainingData,
  folder: RunFolder,
  io: Io,
  say: (line: string) => void,
): Promise<{ summary: TrainSummary; loss: number | undefined; evaluation: number | undefined }> {
  const { optimizer, rate, accumulate, saveEvery, average, smoothing, evaluate } = config;
  const checkLoss = languageModelLoss(decoder);
  const run = train({
    params: weights,
    loss: languageModelLoss(decoder, { smoothing }),
    data: data.train,
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
        let sum = 0;
        for (let i = 0; i < evaluate.batches; i++) {
          using loss = checkLoss(weights, data.check.batch(i));
          sum += (await loss.data())[0]!;
        }
        return sum / evaluate.batches;
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
      say(`step ${step}: loss ${loss.toFixed(4)}, on what it has not seen ${evaluation.toFixed(4)}\n`);
  }
}

/** The model as `generate` and others load it, and the picture. */
async function write(
  { family, json, decoder, weights }: Begun,
  config: TrainConfig,
  data: TrainingData,
  quiet: boolean,
  io: Io,
): Promise<string[]> {
  const model = join(config.out, 'model');
  mkdirSync(model, { recursive: true });
  const tensors = await fileTensors(family, json, weights);
  writeFileSync(join(model, 'model.safetensors'), writeSafetensors(tensors, { format: 'pt' }));
  const whole = { ...json, architectures: family.architectures.slice(0, 1), torch_dtype: 'float32' };
  writeFileSync(join(model, 'config.json'), `${JSON.stringify(whole, null, 2)}\n`);
  if (data.vocabulary)
    writeFileSync(join(model, 'tokenizer.vocab.json'), `${JSON.stringify(data.vocabulary)}\n`);
  const picture = await attentionOf(decoder, data.sample);
  const page = join(config.out, 'attention.html');
  writeFileSync(page, asHtml(picture, `What a ${family.title} of ${config.steps} steps looks at`));
  if (!quiet) io.out(printable(`${asText(picture)}\n`));
  return [model, page, join(config.out, 'curves.html')];
}
