import {
  add,
  type Device,
  keep,
  linear,
  scope,
  type Tensor,
  tensor,
  ValueError,
  zeros,
} from '@headwise/tensor';
import { overwrite, type Params } from './params.ts';
import { hash, hashAt } from './random.ts';

/** What is to be adapted. */
export interface LoraOptions {
  /** Width of the way through. */
  readonly rank: number;
  /** Numerator of the scale α / rank. Default the rank: 1. */
  readonly alpha?: number | undefined;
  /** Which of the weights: matrices `[out, in]` by name. Default the projections of attention, `attention.q`, `.v`. */
  readonly on?: ((name: string) => boolean) | undefined;
  readonly seed?: number | undefined;
}

/**
 * Low-rank changes of frozen weights: each chosen `W [out, in]` acts as `W + α/r · B A`, with `A [r, in]` random and
 * `B [out, r]` zero at first, so that nothing has changed before the first step.
 *
 * Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models", eq. 3.
 */
export class Lora implements Disposable {
  /** What is trained: `layers.0.attention.q.A`, `….B`. */
  readonly params: Readonly<Record<string, Tensor>>;
  readonly #weights: Params;
  readonly #names: readonly string[];
  readonly #scale: number;

  /** @throws {ValueError} if no matrix is chosen, or the rank does not fit one. */
  constructor(weights: Params, { rank, alpha = rank, on = isQueryOrValue, seed = 1 }: LoraOptions) {
    const names = Object.keys(weights).filter((name) => on(name) && weights[name]!.shape.length === 2);
    if (names.length === 0)
      throw new ValueError('Lora', 'on', 'must choose at least one matrix', Object.keys(weights).length);
    for (const name of names)
      if (!Number.isSafeInteger(rank) || rank < 1 || rank > Math.min(...weights[name]!.shape))
        throw new ValueError('Lora', 'rank', `must be from 1 to the smaller side of ${name}`, rank);
    this.#weights = weights;
    this.#names = names;
    this.#scale = alpha / rank;
    this.params = Object.fromEntries(
      names.flatMap((name, i) => {
        const { device, shape } = weights[name]!;
        const [out, width] = shape as [number, number];
        return [
          [`${name}.A`, keep(randomMatrix(device, [rank, width], hash(seed, i)))],
          [`${name}.B`, keep(zeros(device, [out, rank]))],
        ];
      }),
    );
  }

  /**
   * All weights, the chosen ones with their change: what a model is made of inside the loss. Shares the
   * others.
   * @throws {DeviceError} if the device has no room.
   */
  weights(): Record<string, Tensor> {
    return { ...this.#weights, ...this.#changed(this.#scale) };
  }

  /**
   * Puts the changes into the weights themselves, so that a model runs at its old speed.
   * @throws {DeviceError} if the device fails.
   */
  merge(): void {
    this.#write(this.#scale);
  }

  /** Takes merged changes out again, up to rounding. @throws {DeviceError} if the device fails. */
  unmerge(): void {
    this.#write(-this.#scale);
  }

  /** Frees what is trained; the weights are their owner's. Never throws. */
  dispose(): void {
    for (const tensor of Object.values(this.params)) tensor.dispose();
  }

  /** Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #write(scale: number): void {
    const chosen = Object.fromEntries(this.#names.map((name) => [name, this.#weights[name]!]));
    scope(() => overwrite(chosen, () => this.#changed(scale)));
  }

  #changed(scale: number): Record<string, Tensor> {
    return Object.fromEntries(
      this.#names.map((name) => {
        const change = linear(this.params[`${name}.B`]!, this.params[`${name}.A`]!, { transposed: true });
        return [name, add(this.#weights[name]!, change, { scale })];
      }),
    );
  }
}

function isQueryOrValue(name: string): boolean {
  return /attention\.[qv]$/.test(name);
}

/** Uniform with the deviation of 1 / √in, as in the paper's code. */
function randomMatrix(device: Device, shape: readonly [number, number], key: number): Tensor {
  const bound = Math.sqrt(3 / shape[1]);
  const values = Float32Array.from(
    { length: shape[0] * shape[1] },
    (_, i) => bound * ((2 * hashAt(key, i)) / 2 ** 32 - 1),
  );
  return tensor(device, values, shape);
}
