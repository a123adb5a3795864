import type { Device, Tensor } from '@headwise/tensor';
import type { Checkpoint } from './checkpoint.ts';
import { FormatError, inFile } from './errors.ts';
import {
  assembleModel,
  checkLayers,
  type Family,
  layersOf,
  type Model,
  modelParameters,
  type ReadConfig,
  readConfig,
  type SpecialIds,
  unusedBy,
  withoutAbsentPooler,
} from './family.ts';
import { ConfigFields } from './formats/config-fields.ts';
import type { HostTensor, StoredTensor } from './formats/host-tensor.ts';
import { shown } from './formats/json.ts';
import type { Shapes, Weights } from './part.ts';
import { giveBack } from './sources/fresh.ts';
import { StraightReader, straightWeights } from './straight.ts';
import type { WeightBuilder } from './weight-sources.ts';
import {
  makeWeight,
  planWeights,
  refusal,
  sameContent,
  unknownTensor,
  type WeightExtras,
  type WeightPlan,
} from './weights.ts';

/** How far loading is. */
export interface LoadProgress {
  /** Bytes of the files that have been read. */
  readonly loaded: number;
  /** Bytes of all tensors that the model is made of. */
  readonly total: number;
  /** The tensor that was read last. */
  readonly tensor: string;
}

/** How a model is loaded. */
export interface LoadOptions {
  /** By `model_type`: those of `@headwise/models/registry`, some of them, or your own. */
  readonly families: Readonly<Record<string, Family>>;
  /** Every weight as float32, whatever bits the file has: what is trained must be. Default false. */
  readonly float32?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each tensor. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** A model with what its files say of it. */
export type LoadedModel = Model & {
  readonly family: Family;
  /** As the family reads it. */
  readonly config: unknown;
  /** Which ids mean something; those that end a text from `generation_config.json`, where it says so. */
  readonly ids: SpecialIds;
  /** What it is made of, by the names of its parts: to be trained, or looked at. The model owns them. */
  readonly weights: Weights;
};

/**
 * Makes a model from its files: tensor by tensor, each read once and the next while the last is put on the device, in
 * the bits of the file where the device keeps them so.
 *
 * @throws {FormatError} listing what is wrong with the config, or every tensor that is missing, unknown, or of a wrong
 * shape or type, before the first one is put on the device; or naming a tensor whose numbers are not finite.
 * @throws {DeviceError} if the device cannot run a part or has no room for the weights.
 * @throws the reason of the signal once it is aborted. After any error the device holds what it held before.
 * @example
 * const checkpoint = await openCheckpoint(pathFiles('my-model'));
 * const { model } = await loadModel(device, checkpoint, { families });
 */
export async function loadModel(
  device: Device,
  checkpoint: Checkpoint,
  { families, float32, signal, onProgress }: LoadOptions,
): Promise<LoadedModel> {
  return inFile(checkpoint.name, async () => {
    const family = familyOf(checkpoint.config, families);
    // shapes are made layer by layer
    checkLayers(saidLayers(checkpoint.config), checkpoint.tensors.size);
    const { config, model: whole, ids } = readConfig(family, checkpoint.config);
    const stop = stopIds(checkpoint) ?? ids.stop;
    checkLayers(layersOf(whole), checkpoint.tensors.size);
    const build = family.weights(config);
    const model = withoutAbsentPooler(whole, build, checkpoint.tensors);
    const weights = await loadWeights(device, modelParameters(model), checkpoint, build, {
      copies: family.copies?.(config),
      unused: unusedBy(family, config),
      float32,
      signal,
      onProgress,
    });
    try {
      return { ...assembleModel(device, model, weights), family, config, ids: { ...ids, stop }, weights };
    } catch (error) {
      for (const weight of Object.values(weights)) weight.dispose();
      throw error;
    }
  });
}

/**
 * The family of a config.
 * @throws {FormatError} if its `model_type` is not known, with those that are and how to add one.
 */
export function familyOf(config: unknown, families: Readonly<Record<string, Family>>): Family {
  const type = new ConfigFields(config).get('model_type');
  if (typeof type === 'string' && Object.hasOwn(families, type)) return families[type]!;
  const known = Object.keys(families).sort().join(', ');
  const wrong =
    type === undefined || type === null ? 'model_type is missing' : `model_type ${shown(type)} is not known`;
  throw new FormatError('config', wrong, [
    `those that are: ${known}`,
    'another one is a family of your own: loadModel(device, checkpoint, { families: { ...families, mine: defineFamily({ … }) } })',
  ]);
}

/** As the config says it, before it is read. */
function saidLayers(config: unknown): number {
  const fields = new ConfigFields(config);
  const counts = ['num_hidden_layers', 'n_layer', 'num_layers'].map((key) => fields.get(key));
  return Math.max(0, ...counts.filter((count) => Number.isSafeInteger(count)).map(Number));
}

/** What ends a text, as `generate` of transformers reads it. */
function stopIds({ generationConfig, config }: Checkpoint): readonly number[] | undefined {
  const fields = new ConfigFields(generationConfig);
  const V = new ConfigFields(config).get('vocab_size');
  const ids = fields.has('eos_token_id')
    ? fields.ids('eos_token_id', typeof V === 'number' ? V : Infinity)
    : undefined;
  if (fields.problems.length > 0) throw new FormatError('generation_config', fields.problems[0]!);
  return ids;
}

/** Weights by our names, as `buildWeights` makes them of tensors that are all in memory. */
async function loadWeights(
  device: Device,
  wanted: Shapes,
  checkpoint: Checkpoint,
  build: WeightBuilder,
  { float32, signal, onProgress, ...extra }: WeightExtras & Omit<LoadOptions, 'families'>,
): Promise<Record<string, Tensor>> {
  signal?.throwIfAborted();
  const reader = new Reader(checkpoint, signal, onProgress);
  const plan = planWeights(wanted, checkpoint.tensors, build, extra, (name) => reader.get(name));
  const through = new StraightReader(device, signal);
  const names = Object.keys(wanted);
  const uploaded: Record<string, Tensor> = {};
  try {
    // what cannot be a model is refused without reading it
    checkPlan(plan, checkpoint);
    reader.expect(names.map((name) => plan.sources[name]!.files));
    const straight = straightWeights(device, checkpoint, plan, wanted, float32 === true);
    const different: string[] = [];
    for (const [copy, of] of plan.copies)
      if (!(await reader.same(copy, of))) different.push(unknownTensor(copy));
    if (different.length > 0) throw refusal([different], checkpoint.config);
    for (const [n, name] of names.entries()) {
      const source = plan.sources[name]!;
      const direct = straight.get(name);
      if (direct) {
        await through.read(direct, (weight) => {
          uploaded[name] = weight;
          reader.passed(source.files);
        });
        continue;
      }
      await reader.need(source.files);
      const next = names[n + 1];
      if (next !== undefined && !straight.has(next)) reader.begin(plan.sources[next]!.files);
      uploaded[name] = makeWeight(device, float32 ? { ...source, stored: undefined } : source, wanted[name]!);
      reader.done(source.files);
    }
    await through.settle();
    // in their order, whenever each was there
    return Object.fromEntries(names.map((name) => [name, uploaded[name]!]));
  } catch (error) {
    await through.cancel();
    for (const made of Object.values(uploaded)) made.dispose();
    throw error;
  } finally {
    await reader.end();
  }
}

function checkPlan(plan: WeightPlan, checkpoint: Checkpoint): void {
  const problems = [checkpoint.problems ?? [], ...plan.problems];
  if (problems.some(({ length }) => length > 0)) throw refusal(problems, checkpoint.config);
}

/**
 * Whether the tensors of a checkpoint are those of a model, as far as can be said without reading one.
 *
 * @throws {FormatError} listing every tensor that is cut, missing, unknown, or of a wrong shape or type.
 */
export function checkTensors<Config>(
  checkpoint: Checkpoint,
  family: Family<Config>,
  { config, model: whole }: ReadConfig<Config>,
): void {
  checkLayers(layersOf(whole), checkpoint.tensors.size);
  const build = family.weights(config);
  const model = withoutAbsentPooler(whole, build, checkpoint.tensors);
  const extra = { copies: family.copies?.(config), unused: unusedBy(family, config) };
  const unread = (name: string): never => {
    throw new FormatError('weights', `"${name}" is not read here`);
  };
  checkPlan(planWeights(modelParameters(model), checkpoint.tensors, build, extra, unread), checkpoint);
}

type Content = HostTensor | StoredTensor;

/** Reads each tensor once, and keeps it until the last weight is made of it. */
class Reader {
  readonly #checkpoint: Checkpoint;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: LoadOptions['onProgress'];
  readonly #begun = new Map<string, Promise<Content>>();
  readonly #held = new Map<string, Content>();
  readonly #uses = new Map<string, number>();
  #loaded = 0;
  #total = 0;

  constructor(
    checkpoint: Checkpoint,
    signal: AbortSignal | undefined,
    onProgress: LoadOptions['onProgress'],
  ) {
    this.#checkpoint = checkpoint;
    this.#signal = signal;
    this.#onProgress = onProgress;
  }

  /** How often each will be needed. */
  expect(weights: readonly (readonly string[])[]): void {
    for (const file of weights.flat()) {
      if (!this.#uses.has(file)) this.#total += this.#checkpoint.tensors.get(file)!.bytes;
      this.#uses.set(file, (this.#uses.get(file) ?? 0) + 1);
    }
  }

  /** Starts reading what is not there. */
  begin(files: readonly string[]): void {
    for (const file of files) {
      if (this.#held.has(file) || this.#begun.has(file)) continue;
      const reading = this.#checkpoint.read(file, { signal: this.#signal });
      // looked at when it is needed, or never
      reading.catch(() => {});
      this.#begun.set(file, reading);
    }
  }

  async need(files: readonly string[]): Promise<void> {
    this.#signal?.throwIfAborted();
    this.begin(files);
    for (const file of files) {
      const reading = this.#begun.get(file);
      if (!reading) continue;
      this.#held.set(file, await reading);
      this.#begun.delete(file);
      this.#signal?.throwIfAborted();
      if (this.#uses.has(file)) this.#count(file);
    }
  }

  /** Weights are made of these that did not pass through here. */
  passed(files: readonly string[]): void {
    for (const file of files) if (this.#used(file) === 0) this.#count(file);
  }

  #count(file: string): void {
    this.#loaded += this.#checkpoint.tensors.get(file)!.bytes;
    this.#onProgress?.({ loaded: this.#loaded, total: this.#total, tensor: file });
  }

  /** @returns how often it will be needed again */
  #used(file: string): number {
    const left = this.#uses.get(file)! - 1;
    this.#uses.set(file, left);
    return left;
  }

  get(name: string): Content {
    return this.#held.get(name)!;
  }

  done(files: readonly string[]): void {
    for (const file of files) {
      if (this.#used(file) > 0) continue;
      const content = this.get(file);
      this.#held.delete(file);
      giveBack('bytes' in content ? content.bytes : content.data);
    }
  }

  /** Whether a tensor is the same as another, which is kept for what is made of it. */
  async same(copy: string, of: string): Promise<boolean> {
    await this.need([copy, of]);
    const same = sameContent(this.get(copy), this.get(of));
    this.#held.delete(copy);
    return same;
  }

  /** Waits for what was begun, so that nothing is read of a file that is being closed. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#begun.values());
    this.#held.clear();
  }
}
