import {
  add,
  binary,
  checkIds,
  createPositions,
  createThrough,
  type Device,
  gather,
  type InputEncoding,
  type LayerState,
  type Positions,
  scope,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import { type Blocks, within } from './block.ts';
import type { DecoderShape } from './decoder.ts';
import type { Shapes, Weights } from './part.ts';
import type { Norm } from './parts/norms.ts';
import { encodingOf, positionParameters, type TrainedPosition } from './parts/trained-position.ts';
import type { StepOptions } from './session-contract.ts';
import { checkModelWeights, Stack, stackParameters, stackStates } from './stack.ts';

/** What an encoder is put together from: objects, no names. */
export interface EncoderParts {
  readonly shape: DecoderShape;
  /** Blocks whose attention sees both ways: `configure(multiHead, { causal: false })`. */
  readonly blocks: Blocks;
  /** An encoding that is added to the embeddings. Default none. */
  readonly position?: InputEncoding | TrainedPosition<InputEncoding> | undefined;
  /** Multiplies the embeddings. Default 1. */
  readonly embedScale?: number | undefined;
  /** Kinds of token, for a table `types [types, E]` that is added to the embeddings (BERT's segments). Default none. */
  readonly types?: number | undefined;
  /** On the embeddings (BERT). Default none. */
  readonly embedNorm?: Norm | undefined;
  /** After the last block. Default none: the blocks of a post-norm model end with one. */
  readonly norm?: Norm | undefined;
  /** Most positions the model was trained for. Default no bound. */
  readonly context?: number | undefined;
}

/** Parts and weights. */
export interface EncoderOptions extends EncoderParts {
  readonly device: Device;
  /** By the names of `encoderParameters`, on the device. The encoder owns them from here on. */
  readonly weights: Weights;
}

/** What an encoder makes of a batch of texts. */
export interface Encoded {
  /** `[B, L, E]`; rows of padding are arbitrary. */
  readonly hidden: Tensor<'B L E'>;
  /** Where its tokens stand, −1 for padding: what cross-attention reads. The caller frees its tensor. */
  readonly positions: Positions;
}

/** Looking inside a run, and the kinds of the tokens. */
export interface EncodeOptions extends StepOptions {
  /** For each row of ids, the kind of each token. Default 0. */
  readonly types?: readonly (readonly number[])[] | undefined;
}

/**
 * Names and shapes of all weights of an encoder: `embed`, `types`, `embedNorm.weight`, `layers.0.attention.q`, …,
 * `norm.weight`.
 *
 * @throws {ShapeError | ValueError} if a part refuses the shape.
 */
export function encoderParameters(parts: EncoderParts): Shapes {
  const { shape, blocks, types, embedNorm, norm } = parts;
  const { V, E } = shape;
  const named = (name: string, of: Norm | undefined): [string, readonly number[]][] =>
    Object.entries(of?.parameters(E) ?? {}).map(([key, size]) => [`${name}.${key}`, size]);
  return Object.fromEntries([
    ['embed', [V, E]],
    ...Object.entries(positionParameters(parts.position, shape)),
    ...(types === undefined ? [] : [['types', [types, E]]]),
    ...named('embedNorm', embedNorm),
    ...Object.entries(stackParameters(blocks, shape)),
    ...named('norm', norm),
  ] as [string, readonly number[]][]);
}

/**
 * Puts an encoder together and checks its weights against its parts.
 *
 * @example
 * const { hidden } = createEncoder({ ...parts, device, weights }).encode([[1, 2, 3], [4]]); // [2, 3, E]
 *
 * @throws {ValueError} naming the weights that are missing or not the model's, or `embedScale` if it is not above 0.
 * @throws {ShapeError} naming the first weight of a wrong shape.
 * @throws {DeviceError} naming the parts that the device cannot run.
 */
export function createEncoder(options: EncoderOptions): Encoder {
  checkModelWeights('encoder', encoderParameters(options), options.weights);
  const { embedScale = 1 } = options;
  if (!(Number.isFinite(embedScale) && embedScale > 0))
    throw new ValueError('encoder', 'embedScale', 'must be a finite number > 0', embedScale);
  return new Encoder(options);
}

/**
 * An encoder with its weights on a device: reads whole texts at once and keeps nothing.
 *
 * ```text
 * ids    [B, L]
 * x      [B, L, E]   norm(embedScale · embed[ids] + types + position), then one block after the other
 * hidden [B, L, E]
 * ```
 */
export class Encoder implements Disposable {
  readonly device: Device;
  readonly parts: EncoderParts;
  readonly shape: DecoderShape;
  /** Most positions the model was trained for; Infinity for no bound. */
  readonly context: number;
  /** Number of weights. */
  readonly size: number;
  readonly #weights: Weights;
  readonly #normWeights: Weights;
  readonly #embedNormWeights: Weights;
  readonly #position: InputEncoding | undefined;
  readonly #stack: Stack;

  constructor({ device, weights, ...parts }: EncoderOptions) {
    this.device = device;
    this.parts = parts;
    this.shape = parts.shape;
    this.context = parts.context ?? Infinity;
    this.size = Object.values(weights).reduce((size, weight) => size + weight.size, 0);
    this.#weights = weights;
    this.#normWeights = within(weights, 'norm.');
    this.#embedNormWeights = within(weights, 'embedNorm.');
    this.#position = encodingOf(parts.position, weights);
    this.#stack = new Stack('encoder', device, parts.blocks, parts.shape, weights);
  }

  /**
   * Reads texts, each as if it were alone.
   *
   * @param ids `[L]`, or rows of different lengths, filled up on the right
   * @throws {ValueError} for an id outside the vocabulary, or a row longer than the context.
   * @throws {DOMException} `AbortError`, when the signal says so.
   */
  encode(
    ids: readonly number[] | readonly (readonly number[])[],
    { look, extras, types, signal }: EncodeOptions = {},
  ): Encoded {
    const rows = (typeof ids[0] === 'number' ? [ids] : ids) as readonly (readonly number[])[];
    const L = checkRows(rows, this.shape.V, this.context);
    const filled = (from: readonly (readonly number[])[]): Tensor<'B L', 'i32'> =>
      tensor<'B L'>(
        this.device,
        Int32Array.from(from.flatMap((row) => [...row, ...new Array<number>(L - row.length).fill(0)])),
        [rows.length, L],
      );
    const { hidden, positions } = scope(() => {
      const at = createPositions(
        this.device,
        rows.map((row) => row.map((_, i) => i)),
      );
      const x = this.#embed(
        filled(rows),
        types && filled(checkTypes(types, rows, this.parts.types ?? 0)),
        at,
      );
      const y = this.#through(rows.length, (states) => {
        const flow = { positions: at, states, extras };
        return this.#stack.run(x, flow, { look, before: () => signal?.throwIfAborted() });
      });
      const { norm } = this.parts;
      const hidden = norm ? norm.apply(y, this.#normWeights) : y;
      return { hidden, positions: { ...at } };
    });
    return { hidden, positions };
  }

  /** Frees the weights. */
  dispose(): void {
    for (const weight of Object.values(this.#weights)) weight.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #embed(
    ids: Tensor<'B L', 'i32'>,
    types: Tensor<'B L', 'i32'> | undefined,
    positions: Positions,
  ): Tensor<'B L E'> {
    const { embedScale = 1, embedNorm } = this.parts;
    const looked = gather<'B L E'>(this.#weights.embed!, ids);
    const scaled =
      embedScale === 1 ? looked : binary<'B L E'>(looked, tensor(this.device, [embedScale], []), 'multiply');
    const kinds = types ?? (this.#weights.types && tensor(this.device, new Int32Array(ids.size), ids.shape));
    const typed = kinds ? add(scaled, gather<'B L E'>(this.#weights.types!, kinds)) : scaled;
    const x = this.#position ? this.#position.encode(typed, positions) : typed;
    return embedNorm ? embedNorm.apply(x, this.#embedNormWeights) : x;
  }

  /** Work with states that keep nothing, which is all that an encoder needs. */
  #through<Result>(B: number, work: (states: Readonly<Record<string, LayerState>>) => Result): Result {
    const states: Record<string, LayerState> = {};
    try {
      for (const [id, spec] of Object.entries(stackStates(this.parts.blocks, this.shape)))
        states[id] = createThrough({
          device: this.device,
          spec,
          B,
          id,
          producer: states[spec.producer ?? ''],
        });
      return work(states);
    } finally {
      for (const state of Object.values(states)) state.dispose();
    }
  }
}

/** @returns the length of the longest row. */
function checkRows(rows: readonly (readonly number[])[], V: number, context: number): number {
  const L = Math.max(0, ...rows.map(({ length }) => length));
  if (rows.length === 0 || rows.some(({ length }) => length === 0))
    throw new ValueError(
      'encoder',
      'ids',
      'must be rows of at least one token',
      rows.map(({ length }) => length),
    );
  if (L > context)
    throw new ValueError('encoder', 'ids', `must be at most ${context} tokens, the model’s context`, L);
  for (const row of rows) checkIds('encoder', row, V);
  return L;
}

function checkTypes(
  types: readonly (readonly number[])[],
  rows: readonly (readonly number[])[],
  count: number,
): readonly (readonly number[])[] {
  if (count === 0)
    throw new ValueError('encoder', 'types', 'must be left out: the model has no kinds of token', 'some');
  if (types.length !== rows.length || types.some(({ length }, b) => length !== rows[b]!.length))
    throw new ValueError(
      'encoder',
      'types',
      'must have one kind for each id',
      types.map(({ length }) => length),
    );
  for (const row of types) checkIds('encoder types', row, count);
  return types;
}
