import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FormatError, readJson } from '@headwise/models';
import {
  adam,
  adamW,
  constant,
  cosineDecay,
  inverseSquareRoot,
  linearDecay,
  lion,
  muon,
  type Optimizer,
  type Schedule,
  sgd,
  warmupStableDecay,
} from '@headwise/training';

/** What a training file says, checked. */
export interface TrainConfig {
  /** A `config.json` of a family, whole; empty where the run begins from a model. */
  readonly model: Readonly<Record<string, unknown>>;
  /** A folder with a model to go on from. */
  readonly from: string | undefined;
  readonly data: DataConfig;
  /** Rows of a batch. */
  readonly batch: number;
  readonly steps: number;
  readonly seed: number;
  readonly optimizer: Optimizer;
  readonly rate: Schedule;
  /** Batches that make one step. */
  readonly accumulate: number;
  readonly smoothing: number;
  readonly evaluate: {
    readonly every: number;
    readonly batches: number;
    readonly patience: number | undefined;
  };
  readonly saveEvery: number;
  readonly average: number | undefined;
  /** Folder of the run. */
  readonly out: string;
  /** The file as it is, but for its place: a run goes on only with the same. */
  readonly text: string;
}

/** What is learnt. */
export type DataConfig =
  | { readonly kind: 'reversal'; readonly length: number; readonly symbols: number }
  | {
      readonly kind: 'text';
      readonly file: string;
      readonly length: number;
      /** A tokenizer from a file. Default that of the model, or bytes. */
      readonly tokenizer: string | undefined;
      /** What stands between documents, which then do not see each other. Default one text. */
      readonly documents: string | undefined;
    }
  | {
      readonly kind: 'examples';
      readonly file: string;
      /** Most tokens of a text. */
      readonly length: number;
      /** Names of the fields or columns. */
      readonly text: string;
      readonly label: string;
      readonly tokenizer: string | undefined;
    };

/** Fields of one object, each read once; what is wrong or unknown is collected. */
class Reader {
  readonly #read = new Set<string>();

  constructor(
    readonly at: string,
    readonly value: Readonly<Record<string, unknown>>,
    readonly problems: string[],
  ) {}

  get(key: string): unknown {
    this.#read.add(key);
    return Object.hasOwn(this.value, key) ? this.value[key] : undefined;
  }

  number(key: string, fallback: number, allowed: (value: number) => boolean, rule: string): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'number' && allowed(value)) return value;
    this.problems.push(`${this.at}${key} must be ${rule}, it is ${JSON.stringify(value)}`);
    return fallback;
  }

  count(key: string, fallback: number): number {
    return this.number(
      key,
      fallback,
      (value) => Number.isSafeInteger(value) && value >= 1,
      'a whole number ≥ 1',
    );
  }

  share(key: string, fallback: number): number {
    return this.number(key, fallback, (value) => value >= 0 && value < 1, 'a number from 0 to below 1');
  }

  positive(key: string, fallback: number): number {
    return this.number(key, fallback, (value) => value >= 0 && Number.isFinite(value), 'a number ≥ 0');
  }

  oneOf(key: string, names: readonly string[], fallback: string): string {
    const value = this.get(key) ?? fallback;
    if (names.includes(value as string)) return value as string;
    this.problems.push(`${this.at}${key} must be one of ${names.join(', ')}, it is ${JSON.stringify(value)}`);
    return fallback;
  }

  /** A file or folder; undefined where none is given. */
  path(key: string, folder: string): string | undefined {
    const value = this.text(key);
    return value === undefined ? undefined : resolve(folder, value);
  }

  text(key: string): string | undefined {
    const value = this.get(key);
    if (value === undefined || (typeof value === 'string' && value !== ''))
      return value as string | undefined;
    this.problems.push(`${this.at}${key} must be a text, it is ${JSON.stringify(value)}`);
    return undefined;
  }

  inner(key: string): Reader {
    const value = this.get(key) ?? {};
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject) this.problems.push(`${this.at}${key} must be an object, it is ${JSON.stringify(value)}`);
    return new Reader(
      `${this.at}${key}.`,
      isObject ? (value as Readonly<Record<string, unknown>>) : {},
      this.problems,
    );
  }

  /** To be called last. */
  end(): void {
    for (const key of Object.keys(this.value))
      if (!this.#read.has(key))
        this.problems.push(`${this.at}${key} is unknown; known: ${[...this.#read].join(', ')}`);
  }
}

/**
 * Reads a training file. Relative paths in it start at its folder.
 * @throws {FormatError} listing every field that is missing, wrong or unknown.
 */
export function readTrainConfig(path: string): TrainConfig {
  const bytes = new Uint8Array(readFileSync(path));
  return trainConfigOf(readJson(bytes, path), dirname(path), path);
}

/** The same of what a file holds. @throws {FormatError} as `readTrainConfig`. */
export function trainConfigOf(json: unknown, folder: string, name: string): TrainConfig {
  const problems: string[] = [];
  const top = new Reader('', { ...(json as Readonly<Record<string, unknown>>) }, problems);
  const steps = top.count('steps', 500);
  const data = dataOf(top.inner('data'), folder);
  const model = top.get('model');
  const from = top.path('from', folder);
  const isObject = typeof model === 'object' && model !== null && !Array.isArray(model);
  if (!isObject && (from === undefined || model !== undefined))
    problems.push(
      `model must be an object, the config.json of a model (or give from, a folder with one), it is ${JSON.stringify(model)}`,
    );
  if (isObject && from !== undefined) problems.push('model and from are two models; give one of them');
  if (data.kind === 'examples' && from === undefined)
    problems.push('from must be a folder with an encoder: classes are learnt on top of one');
  const evaluate = top.inner('evaluate');
  const patience = evaluate.get('patience') === undefined ? undefined : evaluate.count('patience', 1);
  const out = top.get('out') ?? 'run';
  if (typeof out !== 'string') problems.push(`out must be a folder, it is ${JSON.stringify(out)}`);
  const read: TrainConfig = {
    model: isObject ? (model as Readonly<Record<string, unknown>>) : {},
    from,
    data,
    batch: top.count('batch', 16),
    steps,
    seed: top.number(
      'seed',
      1,
      (value) => Number.isSafeInteger(value) && value >= 0 && value < 2 ** 32,
      'a whole number from 0 to below 2^32',
    ),
    optimizer: optimizerOf(top.inner('optimizer')),
    rate: rateOf(top.inner('rate'), steps, problems),
    accumulate: top.count('accumulate', 1),
    smoothing: top.share('smoothing', 0),
    evaluate: { every: evaluate.count('every', 100), batches: evaluate.count('batches', 4), patience },
    saveEvery: top.count('saveEvery', 100),
    average: top.get('average') === undefined ? undefined : top.share('average', 0.999),
    out: resolve(folder, typeof out === 'string' ? out : 'run'),
    text: JSON.stringify({ ...(json as object), out: undefined, steps: undefined }),
  };
  evaluate.end();
  top.end();
  if (problems.length > 0) throw new FormatError(name, 'this cannot be trained', problems);
  return read;
}

/** @throws {FormatError} if a model has fewer ids than its data, or less room than a row. */
export function checkSizes(V: number, context: number | undefined, ids: number, length: number): void {
  if (V < ids) throw new FormatError('model', `vocab_size ${V} must be at least ${ids}, the ids of the data`);
  if ((context ?? Infinity) < length)
    throw new FormatError(
      'model',
      `max_position_embeddings ${context} must be at least ${length}, a row of the data`,
    );
}

function dataOf(data: Reader, folder: string): DataConfig {
  const examples = data.path('examples', folder);
  if (examples !== undefined) {
    const [length, tokenizer] = [data.count('length', 128), data.path('tokenizer', folder)];
    const fields = { text: data.text('text') ?? 'text', label: data.text('label') ?? 'label' };
    data.end();
    return { kind: 'examples', file: examples, length, tokenizer, ...fields };
  }
  const file = data.path('text', folder);
  const length = data.count('length', file === undefined ? 8 : 64);
  if (file !== undefined) {
    const [tokenizer, documents] = [data.path('tokenizer', folder), data.text('documents')];
    data.end();
    return { kind: 'text', file, length, tokenizer, documents };
  }
  data.oneOf('task', ['reversal'], 'reversal');
  const symbols = data.count('symbols', 10);
  data.end();
  return { kind: 'reversal', length, symbols };
}

function optimizerOf(reader: Reader): Optimizer {
  const name = reader.oneOf('name', ['adamw', 'adam', 'lion', 'muon', 'sgd'], 'adamw');
  const beta1 = name === 'sgd' ? 0 : reader.share('beta1', 0.9);
  const beta2 = name === 'sgd' ? 0 : reader.share('beta2', name === 'lion' ? 0.99 : 0.999);
  const decays: Readonly<Record<string, number>> = { adamw: 0.01, lion: 0, muon: 0.1 };
  const decay = Object.hasOwn(decays, name) ? reader.positive('decay', decays[name]!) : 0;
  const clip = name === 'adamw' && reader.get('clip') !== undefined ? reader.positive('clip', 1) : undefined;
  const momentum =
    name === 'sgd' || name === 'muon' ? reader.share('momentum', name === 'muon' ? 0.95 : 0) : 0;
  reader.end();
  if (name === 'adamw') return adamW({ beta1, beta2, decay, ...(clip ? { clip } : {}) });
  if (name === 'adam') return adam({ beta1, beta2 });
  if (name === 'lion') return lion({ beta1, beta2, decay });
  if (name === 'muon') return muon({ beta1, beta2, decay, momentum });
  return sgd({ momentum });
}

function rateOf(reader: Reader, steps: number, problems: string[]): Schedule {
  const names = ['cosine', 'linear', 'wsd', 'constant', 'inverse-square-root'];
  const name = reader.oneOf('schedule', names, 'cosine');
  const warmup =
    name === 'constant'
      ? 0
      : reader.number(
          'warmup',
          Math.min(20, Math.floor(steps / 10)),
          (value) => Number.isSafeInteger(value) && value >= 0,
          'a whole number ≥ 0',
        );
  if (name === 'inverse-square-root') {
    const options = {
      E: reader.count('E', 512),
      warmup: Math.max(1, warmup),
      scale: reader.positive('scale', 1),
    };
    reader.end();
    return inverseSquareRoot(options);
  }
  const peak = reader.positive('peak', 3e-3);
  const floor = name === 'constant' ? 0 : reader.positive('floor', 0);
  reader.end();
  if (warmup >= steps) problems.push(`rate.warmup ${warmup} must be below steps ${steps}`);
  if (floor > peak) problems.push(`rate.floor ${floor} must be at most rate.peak ${peak}`);
  if (warmup >= steps || floor > peak || name === 'constant') return constant(peak);
  const options = { peak, warmup, steps, floor };
  return { cosine: cosineDecay, linear: linearDecay, wsd: warmupStableDecay }[name]!(options);
}
