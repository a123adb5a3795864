import type { LayerShape, Tap } from '@headwise/attention-variants';
import {
  binary,
  type Device,
  gather,
  type InputEncoding,
  type LayerSpec,
  linear,
  type Positions,
  type Tensor,
  tensor,
  unary,
  ValueError,
} from '@headwise/tensor';
import { type Blocks, within } from './block.ts';
import type { Flow, Shapes, Weights } from './part.ts';
import type { Norm } from './parts/norms.ts';
import { encodingOf, positionParameters, type TrainedPosition } from './parts/trained-position.ts';
import { Session } from './session.ts';
import type { SessionModel, SessionOptions, StepOptions } from './session-contract.ts';
import { checkModelWeights, Stack, stackChoosing, stackParameters, stackStates, stackTaps } from './stack.ts';

/** The sizes of a decoder that do not depend on its parts. */
export interface DecoderShape extends LayerShape {
  /** Size of the vocabulary. */
  readonly V: number;
}

/** What a decoder is put together from: objects, no names. */
export interface DecoderParts {
  readonly shape: DecoderShape;
  /** One block for all layers, or a function that gives each layer its own. */
  readonly blocks: Blocks;
  /** An encoding that is added to the embeddings. Default none: blocks have theirs. */
  readonly position?: InputEncoding | TrainedPosition<InputEncoding> | undefined;
  /** Multiplies the embeddings (√E in the original Transformer and Gemma). Default 1. */
  readonly embedScale?: number | undefined;
  /** On the embeddings, with their positions (BART, BLOOM). Default none. */
  readonly embedNorm?: Norm | undefined;
  /** After the last block. Default none: the blocks of a post-norm model end with one. */
  readonly norm?: Norm | undefined;
  /** The embedding table is also the output projection. Default true. */
  readonly tied?: boolean | undefined;
  /** The output projection has a bias `head.bias [V]`. Default false. */
  readonly headBias?: boolean | undefined;
  /** Multiplies the logits. Default 1. */
  readonly logitScale?: number | undefined;
  /** `c · tanh(logits / c)`, after the scale (Gemma 2). Default none. */
  readonly logitSoftcap?: number | undefined;
  /** Most positions the model was trained for. Default no bound. */
  readonly context?: number | undefined;
}

/** Parts and weights. */
export interface DecoderOptions extends DecoderParts {
  readonly device: Device;
  /** By the names of `decoderParameters`, on the device. The decoder owns them from here on. */
  readonly weights: Weights;
}

/**
 * Names and shapes of all weights of a decoder: `embed`, `layers.0.attention.q`, …, `norm.weight`, and `head`
 * unless it is tied. Pure; loaders and random weights read it.
 *
 * @throws {ShapeError | ValueError} if a part refuses the shape.
 */
export function decoderParameters(parts: DecoderParts): Shapes {
  const { shape, embedNorm, norm, tied = true, headBias = false } = parts;
  const { V, E } = shape;
  const named = (prefix: string, of: Norm | undefined): Shapes =>
    Object.fromEntries(
      Object.entries(of?.parameters(E) ?? {}).map(([name, size]) => [`${prefix}.${name}`, size]),
    );
  return {
    embed: [V, E],
    ...positionParameters(parts.position, shape),
    ...named('embedNorm', embedNorm),
    ...stackParameters(parts.blocks, shape),
    ...named('norm', norm),
    ...(!tied && { head: [V, E] }),
    ...(headBias && { 'head.bias': [V] }),
  };
}

/** What the blocks keep, by id, from config alone: the estimator and the caches read this. Never throws. */
export function decoderSpecs({ blocks, shape }: DecoderParts): Readonly<Record<string, LayerSpec>> {
  return stackStates(blocks, shape);
}

/**
 * Puts a decoder together and checks its weights against its parts.
 *
 * @example
 * const decoder = createDecoder({ ...parts, device, weights });
 * using session = decoder.start({ capacity: 512 });
 * const logits = session.step([1, 403, 407]); // [1, V]
 *
 * @throws {ValueError} naming the weights that are missing or not the model's.
 * @throws {ShapeError} naming the first weight of a wrong shape.
 * @throws {DeviceError} naming the parts that the device cannot run.
 */
export function createDecoder(options: DecoderOptions): Decoder {
  checkModelWeights('decoder', decoderParameters(options), options.weights);
  for (const name of ['embedScale', 'logitScale', 'logitSoftcap'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isFinite(value) && value > 0))
      throw new ValueError('decoder', name, 'must be a finite number > 0', value);
  }
  return new Decoder(options);
}

/**
 * A decoder with its weights on a device.
 *
 * ```text
 * ids    [B, L]
 * x      [B, L, E]   embedScale · embed[ids] (+ position), then one block after the other
 * logits [B, V]      head · norm(x), of the last token of each row or of all
 * ```
 */
export class Decoder implements SessionModel, Disposable {
  readonly device: Device;
  readonly parts: DecoderParts;
  readonly shape: DecoderShape;
  /** Most positions the model was trained for; Infinity for no bound. */
  readonly context: number;
  /** What the blocks keep, by id. */
  readonly specs: Readonly<Record<string, LayerSpec>>;
  /** Which of it belongs to a source that is read once. */
  readonly sourceIds: readonly string[];
  /** Number of weights. */
  readonly size: number;
  /** Its blocks, one after the other. */
  readonly stack: Stack;
  readonly #weights: Weights;
  readonly #normWeights: Weights;
  readonly #position: InputEncoding | undefined;

  constructor({ device, weights, ...parts }: DecoderOptions) {
    this.device = device;
    this.parts = parts;
    this.shape = parts.shape;
    this.context = parts.context ?? Infinity;
    this.specs = decoderSpecs(parts);
    this.sourceIds = Object.keys(stackStates(parts.blocks, parts.shape, 'source'));
    this.size = Object.values(weights).reduce((size, weight) => size + weight.size, 0);
    this.#weights = weights;
    this.#normWeights = within(weights, 'norm.');
    this.#position = encodingOf(parts.position, weights);
    this.stack = new Stack('decoder', device, parts.blocks, parts.shape, weights);
  }

  get V(): number {
    return this.shape.V;
  }

  /**
   * What a session's `tap` can read and replace: `embeddings` (with all that is added to them), of each layer queries,
   * keys and values `layers.0.attention.q`, `.k`, `.v` (as they are compared and kept), `layers.0.attention.weights`,
   * what a part adds `layers.0.attention`, `layers.0.mlp`, the residual stream after it `layers.0`; `norm`, `logits`.
   */
  get taps(): readonly string[] {
    const { blocks, shape, norm } = this.parts;
    return ['embeddings', ...stackTaps(blocks, shape), ...(norm ? ['norm'] : []), 'logits'];
  }

  /** Weights that only choose what is read: a training's loss does not reach them, and its `mayBeUnused` says so. */
  get choosing(): readonly string[] {
    return stackChoosing(this.parts.blocks, this.shape);
  }

  /** A text, or B of them, with states of its own. @throws {ValueError} as `Session`. */
  start(options: SessionOptions = {}): Session {
    return new Session(this, options);
  }

  /** Ids to what comes out of the last block: `[B, L]` → `[B, L, E]`. @throws what its parts throw. */
  run(
    ids: Tensor<'B L', 'i32'>,
    positions: Positions,
    flow: Omit<Flow, 'shape' | 'positions'>,
    watch: Pick<StepOptions, 'look'> & { before?: (() => void) | undefined } = {},
  ): Tensor<'B L E'> {
    return this.stack.run(this.embed(ids, positions, flow.tap), { ...flow, positions }, watch);
  }

  /** `[B, L]` ids → what the first block reads, `[B, L, E]` @throws what its parts throw. */
  embed(ids: Tensor<'B L', 'i32'>, positions: Positions, tap?: Tap): Tensor<'B L E'> {
    const { embedScale = 1, embedNorm } = this.parts;
    const looked = gather<'B L E'>(this.#weights.embed!, ids);
    const scaled = embedScale === 1 ? looked : binary<'B L E'>(looked, this.#number(embedScale), 'multiply');
    const placed = this.#position ? this.#position.encode(scaled, positions) : scaled;
    const normed = embedNorm ? embedNorm.apply(placed, within(this.#weights, 'embedNorm.')) : placed;
    return tap?.pass('embeddings', normed) ?? normed;
  }

  /** `[..., E]` → logits `[..., V]` @throws what its operations throw. */
  head<Axes extends string>(x: Tensor, tap?: Tap): Tensor<Axes> {
    const normed = this.normed(x);
    const logits = this.#logits<Axes>(this.parts.norm && tap ? tap.pass('norm', normed) : normed);
    return tap?.pass('logits', logits) ?? logits;
  }

  /** What the last block says, after the last norm, where there is one. @throws what its operations throw. */
  normed<Axes extends string>(x: Tensor<Axes>): Tensor<Axes> {
    const { norm } = this.parts;
    return norm ? norm.apply(x, this.#normWeights) : x;
  }

  /** `[..., E]`, normalised → logits `[..., V]` */
  #logits<Axes extends string>(normed: Tensor): Tensor<Axes> {
    const { logitScale = 1, logitSoftcap } = this.parts;
    const weight = this.#weights.head ?? this.#weights.embed!;
    const logits = linear<Axes>(normed, weight, { bias: this.#weights['head.bias'] });
    const scaled = logitScale === 1 ? logits : binary<Axes>(logits, this.#number(logitScale), 'multiply');
    if (logitSoftcap === undefined) return scaled;
    const inner = unary(binary<Axes>(scaled, this.#number(1 / logitSoftcap), 'multiply'), 'tanh');
    return binary<Axes>(inner, this.#number(logitSoftcap), 'multiply');
  }

  /**
   * Makes tables of positions for a length now, so that no step makes them.
   * @throws {DeviceError} if the device has no room.
   */
  reserve(end: number): void {
    if (end !== Infinity) this.#position?.reserve?.(this.device, end, this.shape.E);
    this.stack.reserve(this.device, end);
  }

  /** Names the angles by which keys turn in a text of this length. Never throws. */
  regime(length: number): string {
    return this.stack.regime(length);
  }

  /** Frees the weights, and the tables of positions. Sessions have their own memory and are freed by themselves. Never throws. */
  dispose(): void {
    for (const weight of Object.values(this.#weights)) weight.dispose();
    this.stack.release();
  }

  /** Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #number(value: number): Tensor {
    return tensor(this.device, [value], []);
  }
}
