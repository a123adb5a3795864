import { type DType, keep, type Tensor } from '@headwise/tensor';
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
import type { Shapes } from './part.ts';
import type { Session } from './session.ts';
import type { SessionOptions } from './session-contract.ts';
import { checkModelWeights } from './stack.ts';

/** The two halves; the decoder's blocks have cross-attention. */
export interface EncoderDecoderParts {
  readonly encoder: EncoderParts;
  readonly decoder: DecoderParts;
  /** Both read one embedding table, which stands at `encoder.embed`. Default true. */
  readonly shared?: boolean | undefined;
}

/** Parts and weights. */
export interface EncoderDecoderOptions
  extends EncoderDecoderParts,
    Pick<DecoderOptions, 'device' | 'weights'> {}

/**
 * Names and shapes of all weights: `encoder.embed`, `encoder.layers.0.attention.q`, `decoder.layers.0.cross.k`, …
 *
 * @throws {ShapeError | ValueError} if a part refuses the shape.
 */
export function encoderDecoderParameters({ encoder, decoder, shared = true }: EncoderDecoderParts): Shapes {
  const named = (prefix: string, shapes: Shapes): [string, readonly number[]][] =>
    Object.entries(shapes).map(([name, shape]) => [`${prefix}.${name}`, shape]);
  const all = Object.fromEntries([
    ...named('encoder', encoderParameters(encoder)),
    ...named('decoder', decoderParameters(decoder)),
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
  return new EncoderDecoder(encoder, createDecoder({ ...options.decoder, device, weights: decoderWeights }));
}

/** An encoder that reads a source and a decoder that writes a text about it. */
export class EncoderDecoder implements Disposable {
  constructor(
    readonly encoder: Encoder,
    readonly decoder: Decoder,
  ) {}

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
    const { hidden, positions } = this.encoder.encode(source, options);
    // the session's from here on, whatever scope it is started in
    for (const tensor of [hidden, positions.tensor]) keep<Tensor<string, DType>>(tensor);
    try {
      return this.decoder.start({
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
  }

  /** Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
