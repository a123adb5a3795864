import { type ConfiguredVariant, configure, type LayerShape } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import {
  block,
  createDecoder,
  createRmsNorm,
  createSwiglu,
  type Decoder,
  type DecoderParts,
  decoderParameters,
  randomWeights,
} from '@headwise/models';
import { type RotaryEncoding, rotary } from '@headwise/positional';
import { type Device, keep, scope, type Tensor } from '@headwise/tensor';
import {
  adamW,
  IGNORED,
  languageModelLoss,
  memoryStore,
  rowsOf,
  type StepReport,
  type TokenBatch,
  train,
  withThroughStates,
} from '@headwise/training';
import type { Task } from './tasks.ts';

/** Two layers, small enough that a page trains them in seconds. */
const SHAPE: LayerShape = { E: 32, H: 2, D: 16, layers: 2 };
const HIDDEN = 64;
const BATCH = 32;
const CHECKED = 64;
const PEAK = 0.008;
const WARMUP = 20;

/** What is trained. */
export interface Recipe {
  readonly task: Task;
  readonly variant: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly seed: number;
}

/** Attention weights of every layer and head on one row. */
export interface Attended {
  readonly names: readonly string[];
  readonly heads: readonly {
    readonly layer: number;
    readonly head: number;
    /** `[L, L]`: query rows, key columns. */
    readonly weights: Float32Array;
  }[];
}

/** How well it does what it learns, on rows that it is never trained on. */
export interface Look {
  readonly loss: number;
  /** Share of the targets that are the most likely next token, 0 … 1. */
  readonly right: number;
  /** Absent where a variant has no weights to look at. */
  readonly attended: Attended | undefined;
}

/** What a new variant took over from the one before. */
export interface Kept {
  readonly from: string;
  /** Names of weights that are as they were. */
  readonly kept: readonly string[];
  /** Names of weights that began anew, because the shape is another. */
  readonly fresh: readonly string[];
}

/** Variants that a decoder of this shape can be made of. Never throws. */
export function trainable(): readonly string[] {
  return Object.values(variants).flatMap((variant) => {
    if ('needsSource' in variant && variant.needsSource) return [];
    try {
      configure(variant as never).check(SHAPE);
      return [variant.name];
    } catch {
      return [];
    }
  });
}

/** A small decoder in training. Its weights, and those of its optimizer, stay between two runs. */
export class Trainee {
  readonly #device: Device;
  readonly #recipe: Recipe;
  readonly #attention: ConfiguredVariant;
  readonly #weights: Readonly<Record<string, Tensor>>;
  readonly #decoder: Decoder;
  readonly #position = rotary();
  readonly #store = memoryStore();
  /** Steps of trainees before this one. */
  readonly #before: number;
  readonly kept: Kept | undefined;
  #step = 0;

  private constructor(
    device: Device,
    recipe: Recipe,
    from?: Trainee,
    numbers?: ReadonlyMap<string, Float32Array>,
  ) {
    this.#device = device;
    this.#recipe = recipe;
    this.#attention = attentionOf(recipe);
    const parts = partsOf(recipe.task, this.#attention, this.#position);
    this.#weights = randomWeights(device, decoderParameters(parts), { seed: recipe.seed });
    this.#decoder = createDecoder({ ...parts, device, weights: this.#weights });
    this.#before = from?.step ?? 0;
    if (!from || !numbers) return;
    const kept: string[] = [];
    const fresh: string[] = [];
    for (const [name, weight] of Object.entries(this.#weights)) {
      const old = from.#weights[name];
      if (old && String(old.shape) === String(weight.shape)) {
        weight.write(0, numbers.get(name)!);
        kept.push(name);
      } else fresh.push(name);
    }
    this.kept = { from: from.#recipe.variant, kept, fresh };
  }

  /** @throws {ValueError | ShapeError | DeviceError} if the variant refuses its options, the shape or the device. */
  static begin(device: Device, recipe: Recipe): Trainee {
    return new Trainee(device, recipe);
  }

  /**
   * The same model with another attention: every weight whose name and shape are the same stays, the others begin anew, and
   * so does the optimizer. This one can be disposed then.
   * @throws as `begin`.
   */
  async becoming(recipe: Recipe): Promise<Trainee> {
    const numbers = new Map<string, Float32Array>();
    for (const [name, weight] of Object.entries(this.#weights))
      numbers.set(name, (await weight.data()) as Float32Array);
    return new Trainee(this.#device, recipe, this, numbers);
  }

  get device(): Device {
    return this.#device;
  }

  get task(): Task {
    return this.#recipe.task;
  }

  get step(): number {
    return this.#before + this.#step;
  }

  get parameters(): number {
    return Object.values(this.#weights).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  }

  /** Whether it is trained with this recipe. Never throws. */
  is({ task, variant, options, seed }: Recipe): boolean {
    const own = this.#recipe;
    return (
      own.task === task &&
      own.variant === variant &&
      own.seed === seed &&
      JSON.stringify(own.options) === JSON.stringify(options)
    );
  }

  /**
   * Trains until so many steps have been made in all, or the signal says so; the next run goes on where this one ended.
   * @throws {TrainingError | DeviceError} as `train`.
   */
  async *run(steps: number, signal: AbortSignal): AsyncGenerator<StepReport> {
    const { task, seed } = this.#recipe;
    const own = steps - this.#before;
    if (own <= this.#step) return;
    const loss = languageModelLoss(this.#decoder);
    const reports = train<TokenBatch>({
      params: this.#weights,
      loss,
      data: task.batches(BATCH, seed),
      optimizer: adamW({ clip: 1 }),
      rate: (step) => PEAK * Math.min(1, step / WARMUP) * Math.min(1, (200 / step) ** 0.5),
      steps: own,
      saveEvery: Number.MAX_SAFE_INTEGER,
      store: this.#store,
      mayBeUnused: (name) => this.#decoder.choosing.includes(name),
      signal,
    });
    for await (const report of reports) {
      this.#step = report.step;
      yield { ...report, step: this.step, steps };
    }
  }

  /** @throws what the decoder throws. */
  async look(): Promise<Look> {
    const { task, seed } = this.#recipe;
    // other numbers than the training ever draws
    const batch = task.batches(CHECKED, (seed ^ 0x5bd1e995) >>> 0).batch(0);
    using loss = scope(() => languageModelLoss(this.#decoder)(this.#weights, batch));
    const [value] = (await loss.data()) as Float32Array;
    return { loss: value!, right: await this.#right(batch), attended: await this.#attended(batch.ids[0]!) };
  }

  async #right({ ids, targets }: TokenBatch): Promise<number> {
    const { V } = this.#recipe.task;
    using logits = scope(() => {
      const rows = rowsOf(this.#device, ids);
      return withThroughStates(this.#device, this.#decoder.specs, ids.length, (states) =>
        this.#decoder.head(this.#decoder.run(rows.ids, rows.positions, { states })),
      );
    });
    const numbers = (await logits.data()) as Float32Array;
    let [right, all] = [0, 0];
    targets.flat().forEach((target, row) => {
      if (target === IGNORED) return;
      const own = numbers.subarray(row * V, (row + 1) * V);
      all++;
      if (own.indexOf(Math.max(...own)) === target) right++;
    });
    return right / all;
  }

  async #attended(ids: readonly number[]): Promise<Attended | undefined> {
    if (this.#attention.score(0) === undefined) return undefined;
    const L = ids.length;
    const seen: Tensor[] = [];
    using session = this.#decoder.start({ capacity: L });
    using _ = session.forward([...ids], {
      extras: ['weights'],
      look: ({ extras }) => void (extras.weights && seen.push(keep(extras.weights))),
    });
    const heads: Attended['heads'][number][] = [];
    for (const [layer, tensor] of seen.entries()) {
      const all = (await tensor.data()) as Float32Array;
      for (let head = 0; head < all.length / (L * L); head++)
        heads.push({ layer, head, weights: all.slice(head * L * L, (head + 1) * L * L) });
      tensor.dispose();
    }
    return { names: ids.map(this.#recipe.task.nameOf), heads };
  }

  /** Frees its weights. Never throws. */
  dispose(): void {
    this.#decoder.dispose();
    this.#position.dispose();
  }
}

function attentionOf({ variant, options }: Recipe): ConfiguredVariant {
  const found = Object.hasOwn(variants, variant) ? variants[variant as keyof typeof variants] : undefined;
  if (!found)
    throw new Error(`there is no variant “${variant}”; there are ${Object.keys(variants).join(', ')}`);
  return configure(found as never, options);
}

function partsOf({ V }: Task, attention: ConfiguredVariant, position: RotaryEncoding): DecoderParts {
  const norm = createRmsNorm();
  const mlp = createSwiglu({ F: HIDDEN });
  return { shape: { V, ...SHAPE }, blocks: block({ attention, position, norm, mlp }), norm };
}
