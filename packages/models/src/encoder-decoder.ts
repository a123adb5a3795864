import { createPositions, type DType, keep, scope, type Tensor, ValueError } from '@headwise/tensor';
import { within } from './block.ts';
import {
  createDecoder,
  type Decoder,
  type DecoderOptions,
  type DecoderParts,
  decoderParameters,
} from './decoder.ts';
import {
  createEncoder,
  type EncodeOptions,
  type Encoder,
  type EncoderParts,
  encoderParameters,
} from './encoder.ts';
import type { Head } from './heads/head.ts';
import type { Shapes, Weights } from './part.ts';
import { Session } from './session.ts';
import type { SessionModel, SessionOptions } from './session-contract.ts';
import { checkModelWeights } from './stack.ts';

/** How both halves read a text to say what it is. */
export interface TextReader {
  /** On what the decoder says of each token. */
  readonly head: Head;
  /** The id that the decoder begins with: it reads the text one place later than the encoder. */
  readonly start: number;
  /** The id that ends a text: what is said of all of it is said at the last of these. */
  readonly end: number;
}

/** The two halves; the decoder's blocks have cross-attention. */
export interface EncoderDecoderParts {
  readonly encoder: EncoderParts;
  readonly decoder: DecoderParts;
  /** Both read one embedding table, which stands at `encoder.embed`. Default true. */
  readonly shared?: boolean | undefined;
  /** Of a model that classifies texts or finds answers in them, in place of writing. Default none. */
  readonly reader?: TextReader | undefined;
}

/** Parts and weights. */
export interface EncoderDecoderOptions
  extends EncoderDecoderParts,
    Pick<DecoderOptions, 'device' | 'weights'> {}

/**
 * Names and shapes of all weights: `encoder.embed`, `encoder.layers.0.attention.q`, `decoder.layers.0.cross.k`,
 * `head.out`, …
 *
 * @throws {ShapeError | ValueError} if a part refuses the shape.
 */
export function encoderDecoderParameters(parts: EncoderDecoderParts): Shapes {
  const { encoder, decoder, shared = true, reader } = parts;
  const named = (prefix: string, shapes: Shapes): [string, readonly number[]][] =>
    Object.entries(shapes).map(([name, shape]) => [`${prefix}.${name}`, shape]);
  const all = Object.fromEntries([
    ...named('encoder', encoderParameters(encoder)),
    ...named('decoder', decoderParameters(decoder)),
    ...named('head', reader?.head.parameters(decoder.shape) ?? {}),
  ]);
  if (shared) delete all['decoder.embed'];
  return all;
}

/**
 * Puts an encoder and a decoder together.
 *
 * @example
 * const model = createEncoderDecoder({ encoder, decoder, device, weights });
 * using session = model.start([[5, 6, 7], [8]], { capacity: 32 }); // two sources
 * session.step([[0], [0]]); // [2, V]
 *
 * @throws {ValueError} naming the weights that are missing or not the model's.
 * @throws {ShapeError} naming the first weight of a wrong shape.
 * @throws {DeviceError} naming the parts that the device cannot run.
 */
export function createEncoderDecoder(options: EncoderDecoderOptions): EncoderDecoder {
  const { device, weights, shared = true } = options;
  checkModelWeights('encoderDecoder', encoderDecoderParameters(options), weights);
  const encoder = createEncoder({ ...options.encoder, device, weights: within(weights, 'encoder.') });
  // the very tensor, so that a gradient comes to it from both halves
  const own = shared ? { embed: weights['encoder.embed']! } : {};
  const decoderWeights = { ...own, ...within(weights, 'decoder.') };
  const decoder = createDecoder({ ...options.decoder, device, weights: decoderWeights });
  return new EncoderDecoder(encoder, decoder, options.reader, within(weights, 'head.'));
}

/** An encoder that reads a source and a decoder that writes a text about it, or reads it too. */
export class EncoderDecoder implements Disposable {
  readonly #reader: TextReader | undefined;
  readonly #headWeights: Weights;

  constructor(
    readonly encoder: Encoder,
    readonly decoder: Decoder,
    reader?: TextReader,
    headWeights: Weights = {},
  ) {
    this.#reader = reader;
    this.#headWeights = headWeights;
  }

  /** What stands on top of the decoder in place of its vocabulary, where there is something. */
  get head(): Head | undefined {
    return this.#reader?.head;
  }

  /** Most positions the model was trained for; Infinity for no bound. */
  get context(): number {
    return Math.min(this.encoder.context, this.decoder.context);
  }

  /**
   * Reads sources and begins a text for each.
   *
   * @param source ids of one source, or of several of different lengths
   * @throws {ValueError} as `Encoder.encode` and `Session`.
   */
  start(
    source: readonly number[] | readonly (readonly number[])[],
    options: Omit<SessionOptions, 'source' | 'B'> & EncodeOptions = {},
  ): Session {
    return this.#begin(this.decoder, source, options);
  }

  /**
   * What the model was trained to say of texts, which both halves read: `[B, L, …]`, or `[B, …]`.
   *
   * @throws {ValueError} if the model has no head, or a row has no id that ends a text, where that is asked; and as
   * `Encoder.encode`.
   */
  predict(ids: readonly number[] | readonly (readonly number[])[], options: EncodeOptions = {}): Tensor {
    const op = 'encoderDecoder.predict';
    const reader = this.#reader;
    if (!reader) throw new ValueError(op, 'reader', 'must be among the parts; start begins a text', reader);
    const { head, start, end } = reader;
    const rows = (typeof ids[0] === 'number' ? [ids] : ids) as readonly (readonly number[])[];
    const last = rows.map((row) => (head.per === 'text' ? row.lastIndexOf(end) : row.length - 1));
    const endless = last.indexOf(-1);
    if (endless >= 0 && rows[endless]!.length > 0)
      throw new ValueError(
        op,
        `ids[${endless}]`,
        `must have the id ${end}, which ends a text`,
        rows[endless],
      );
    return scope(() => {
      const capacity = Math.max(1, ...rows.map(({ length }) => length));
      using session = this.#begin(bare(this.decoder), rows, { ...options, capacity });
      const shifted = rows.map((row) => [start, ...row.slice(0, -1)]);
      const hidden: Tensor = session.forward(shifted, { signal: options.signal });
      const read = rows.map((row, b) => row.map((_, i) => (i <= last[b]! ? i : -1)));
      const positions = createPositions(this.decoder.device, read);
      return head.apply(hidden as Tensor<'B L E'>, this.#headWeights, positions);
    });
  }

  #begin(
    model: Decoder | SessionModel,
    source: readonly number[] | readonly (readonly number[])[],
    options: Omit<SessionOptions, 'source' | 'B'> & EncodeOptions,
  ): Session {
    const { hidden, positions } = this.encoder.encode(source, options);
    // the session's from here on, whatever scope it is started in
    for (const tensor of [hidden, positions.tensor]) keep<Tensor<string, DType>>(tensor);
    try {
      return new Session(model, {
        ...options,
        B: hidden.shape[0]!,
        source: { source: hidden as Tensor, positions, owned: true },
      });
    } catch (error) {
      hidden.dispose();
      positions.tensor.dispose();
      throw error;
    }
  }

  /** Frees the weights of both; a shared table goes with the first half that is freed. Never throws. */
  dispose(): void {
    this.encoder.dispose();
    this.decoder.dispose();
    for (const weight of Object.values(this.#headWeights)) weight.dispose();
  }

  /** Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A decoder that says of each token what its last block does, and of no id how likely it is. */
function bare(decoder: Decoder): SessionModel {
  const { device, V, context, specs, sourceIds, stack } = decoder;
  return {
    ...{ device, V, context, specs, sourceIds, stack },
    embed: (ids, positions, tap) => decoder.embed(ids, positions, tap),
    head: <Axes extends string>(x: Tensor) => decoder.normed(x) as Tensor<Axes>,
    reserve: (end) => decoder.reserve(end),
    regime: (length) => decoder.regime(length),
  };
}
