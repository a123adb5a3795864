import type { ConfiguredVariant, LayerShape } from '@headwise/attention-variants';
import {
  type Device,
  gather,
  type LayerSpec,
  linear,
  type PositionEncoding,
  ShapeError,
  type Tensor,
  ValueError,
} from '@headwise/tensor';
import { type BlockParts, type BlockWeights, blockParameters } from './block.ts';
import type { Mlp } from './mlps.ts';
import type { Norm } from './norms.ts';
import { Session, type SessionOptions } from './session.ts';

/** The sizes of a decoder that do not depend on its parts. */
export interface DecoderShape extends LayerShape {
  /** Size of the vocabulary. */
  readonly V: number;
}

/** What a decoder is put together from: objects, no names. */
export interface DecoderParts {
  readonly shape: DecoderShape;
  /** One variant for all layers, or one for each. */
  readonly attention: ConfiguredVariant | readonly ConfiguredVariant[];
  /** One encoding for all layers, or one for each. Default none. */
  readonly position?: PositionEncoding | readonly PositionEncoding[] | undefined;
  readonly norm: Norm;
  readonly mlp: Mlp;
  /** The embedding table is also the output projection. Default true. */
  readonly tied?: boolean | undefined;
  /** Most positions the model was trained for. Default no bound. */
  readonly context?: number | undefined;
}

/** Parts and weights. */
export interface DecoderOptions extends DecoderParts {
  readonly device: Device;
  /** By the names of `decoderParameters`, on the device. The decoder owns them from here on. */
  readonly weights: Readonly<Record<string, Tensor>>;
}

/**
 * Names and shapes of all weights of a decoder: `embed`, `layers.0.attention.q`, …, `norm.weight`, and `head`
 * unless it is tied. Pure; loaders and random weights read it.
 *
 * @throws {ValueError} if there is not one part for each layer.
 * @throws {ShapeError | ValueError} if a variant refuses the shape.
 */
export function decoderParameters(parts: DecoderParts): Readonly<Record<string, readonly number[]>> {
  const { shape, norm, tied = true } = parts;
  const { V, E, layers } = shape;
  if (isList(parts.position) && parts.position.some(({ kind }) => kind === 'input'))
    throw new ValueError(
      'decoder',
      'position',
      'must not list encodings that are added to the embeddings, which happens once; give that one alone',
      parts.position.map((encoding) => encoding.name),
    );
  const shapes: Record<string, readonly number[]> = { embed: [V, E] };
  for (let layer = 0; layer < layers; layer++) {
    const block = blockAt(parts, layer);
    block.attention.check(shape);
    for (const [part, weights] of Object.entries(blockParameters(block, shape, layer)))
      for (const [name, size] of Object.entries(weights)) shapes[`layers.${layer}.${part}.${name}`] = size;
  }
  for (const [name, size] of Object.entries(norm.parameters(E))) shapes[`norm.${name}`] = size;
  if (!tied) shapes.head = [V, E];
  return shapes;
}

/**
 * What each layer keeps, from config alone: the estimator and the caches read this.
 * @throws {ValueError} if there is not one part for each layer.
 */
export function decoderSpecs(parts: DecoderParts): readonly LayerSpec[] {
  return Array.from({ length: parts.shape.layers }, (_, layer) =>
    blockAt(parts, layer).attention.kv(parts.shape, layer),
  );
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
 */
export function createDecoder(options: DecoderOptions): Decoder {
  const wanted = decoderParameters(options);
  const given = Object.keys(options.weights);
  const missing = Object.keys(wanted).filter((name) => !options.weights[name]);
  const unknown = given.filter((name) => !wanted[name]);
  if (missing.length + unknown.length > 0) {
    const parts = [
      missing.length > 0 && `missing ${missing.join(', ')}`,
      unknown.length > 0 && `unknown ${unknown.join(', ')}`,
    ];
    const rule = `must be those of decoderParameters (${parts.filter(Boolean).join('; ')})`;
    throw new ValueError('decoder', 'weights', rule, `${given.length} weights`);
  }
  for (const [name, shape] of Object.entries(wanted)) {
    const got = options.weights[name]!.shape;
    if (got.length !== shape.length || got.some((size, i) => size !== shape[i]))
      throw new ShapeError('decoder', `${name} must be [${shape.join(', ')}]`, [
        { name, axes: [], shape: got },
      ]);
  }
  return new Decoder(options);
}

/**
 * A pre-norm decoder with its weights on a device.
 *
 * ```text
 * ids    [B, L]
 * x      [B, L, E]   embed[ids], then one block after the other
 * logits [B, V]      head · norm(x), of the last position or of all
 * ```
 */
export class Decoder implements Disposable {
  readonly device: Device;
  readonly parts: DecoderParts;
  readonly shape: DecoderShape;
  /** Most positions the model was trained for; Infinity for no bound. */
  readonly context: number;
  readonly specs: readonly LayerSpec[];
  /** Number of weights. */
  readonly size: number;
  /** Where positions enter the embeddings, or every layer alike; undefined where layers differ. */
  readonly position: PositionEncoding | undefined;
  readonly #weights: Readonly<Record<string, Tensor>>;
  readonly #blocks: readonly { readonly parts: BlockParts; readonly weights: BlockWeights }[];

  constructor({ device, weights, ...parts }: DecoderOptions) {
    this.device = device;
    this.parts = parts;
    this.shape = parts.shape;
    this.context = parts.context ?? Infinity;
    this.position = isList(parts.position) ? undefined : parts.position;
    this.specs = decoderSpecs(parts);
    this.size = Object.values(weights).reduce((size, weight) => size + weight.size, 0);
    this.#weights = weights;
    this.#blocks = this.specs.map((_, layer) => ({
      parts: blockAt(parts, layer),
      weights: {
        attentionNorm: under(weights, `layers.${layer}.attentionNorm.`),
        attention: under(weights, `layers.${layer}.attention.`),
        mlpNorm: under(weights, `layers.${layer}.mlpNorm.`),
        mlp: under(weights, `layers.${layer}.mlp.`),
      },
    }));
  }

  /**
   * A text, or B of them of equal length, with states of its own.
   * @throws {ValueError} if the capacity has no bound, or the limit is beyond the model's context.
   * @throws {DeviceError} if the device has no room.
   */
  start(options: SessionOptions = {}): Session {
    return new Session(this, options);
  }

  /** One layer with its weights, for the session and for whoever looks inside. Never throws. */
  block(layer: number): { readonly parts: BlockParts; readonly weights: BlockWeights } {
    return this.#blocks[layer]!;
  }

  /** `[B, L]` ids → `[B, L, E]` @throws {DeviceError} if the ids are on another device, or the decoder is disposed. */
  embed(ids: Tensor<'B L', 'i32'>): Tensor<'B L E'> {
    return gather<'B L E'>(this.#weights.embed!, ids);
  }

  /** `[..., E]` → logits `[..., V]` @throws {ShapeError | DeviceError} if x is of another width or device. */
  head<Axes extends string>(x: Tensor): Tensor<Axes> {
    const normed = this.parts.norm.apply(x, under(this.#weights, 'norm.'));
    return linear<Axes>(normed, this.#weights.head ?? this.#weights.embed!);
  }

  /** Frees the weights. Sessions have their own memory and are freed by themselves. Never throws. */
  dispose(): void {
    for (const weight of Object.values(this.#weights)) weight.dispose();
  }

  /** As `dispose`, for `using`. Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function blockAt(parts: DecoderParts, layer: number): BlockParts {
  const { norm, mlp, shape } = parts;
  return {
    norm,
    mlp,
    attention: oneOf('attention', parts.attention, shape.layers, layer)!,
    position: oneOf('position', parts.position, shape.layers, layer),
  };
}

function oneOf<Part>(
  name: string,
  part: Part | readonly Part[] | undefined,
  layers: number,
  layer: number,
): Part | undefined {
  if (!isList(part)) return part;
  if (part.length !== layers)
    throw new ValueError(
      'decoder',
      name,
      `must be one for all ${layers} layers or one for each`,
      part.length,
    );
  return part[layer];
}

function isList<Part>(part: Part | readonly Part[]): part is readonly Part[] {
  return Array.isArray(part);
}

function under(weights: Readonly<Record<string, Tensor>>, prefix: string): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(
    Object.entries(weights).flatMap(([name, weight]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), weight]] : [],
    ),
  );
}
