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
  linear,
  type Positions,
  scope,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import { type Blocks, blockAt, within } from './block.ts';
import type { DecoderShape } from './decoder.ts';
import type { Head } from './heads/head.ts';
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
  /** Width of the embeddings where it is not E: `embedProject [E, embedWidth]` brings them to it (ELECTRA). */
  readonly embedWidth?: number | undefined;
  /** After the last block. Default none: the blocks of a post-norm model end with one. */
  readonly norm?: Norm | undefined;
  /** What the model was trained for: `predict` makes its outputs. Default none. */
  readonly head?: Head | undefined;
  /** So many first tokens see all and are seen by all, where the blocks know of such tokens (Longformer). Default 0. */
  readonly globals?: number | undefined;
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
  /** For each row of ids, the places of tokens that see all and are seen by all. Default the first of `parts.globals`. */
  readonly globals?: readonly (readonly number[])[] | undefined;
}

/**
 * Names and shapes of all weights of an encoder: `embed`, `types`, `embedNorm.weight`, `layers.0.attention.q`, …,
 * `norm.weight`, `head.dense`.
 *
 * @throws {ShapeError | ValueError} if a part refuses the shape.
 */
export function encoderParameters(parts: EncoderParts): Shapes {
  const { shape, blocks, types, embedNorm, embedWidth, norm, head } = parts;
  const { V, E } = shape;
  const W = embedWidth ?? E;
  const named = (name: string, shapes: Shapes = {}): [string, readonly number[]][] =>
    Object.entries(shapes).map(([key, size]) => [`${name}.${key}`, size]);
  return Object.fromEntries([
    ['embed', [V, W]],
    ...Object.entries(positionParameters(parts.position, { ...shape, E: W })),
    ...(types === undefined ? [] : [['types', [types, W]]]),
    ...named('embedNorm', embedNorm?.parameters(W)),
    ...(embedWidth === undefined
      ? []
      : [
          ['embedProject', [E, W]],
          ['embedProject.bias', [E]],
        ]),
    ...Object.entries(stackParameters(blocks, shape)),
    ...named('norm', norm?.parameters(E)),
    ...named('head', head?.parameters(shape)),
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
  /** What stands on top of it, where there is something. */
  readonly head: Head | undefined;
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
    this.head = parts.head;
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
    { look, extras, types, globals, signal }: EncodeOptions = {},
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
        const flow = { positions: at, states, extras, globals: this.#globals(rows, globals) };
        return this.#stack.run(x, flow, { look, before: () => signal?.throwIfAborted() });
      });
      const { norm } = this.parts;
      const hidden = norm ? norm.apply(y, this.#normWeights) : y;
      return { hidden, positions: { ...at } };
    });
    return { hidden, positions };
  }

  /**
   * What the model was trained to say of texts: its head on what `encode` gives, `[B, L, …]` or `[B, …]`.
   *
   * @throws {ValueError} if the model has no head, and as `encode`.
   */
  predict(ids: readonly number[] | readonly (readonly number[])[], options: EncodeOptions = {}): Tensor {
    const { head } = this.parts;
    if (!head)
      throw new ValueError(
        'encoder.predict',
        'head',
        'must be among the parts; encode gives what the last block says of each token',
        head,
      );
    return scope(() => {
      const { hidden, positions } = this.encode(ids, options);
      const weights = { embed: this.#weights.embed!, ...within(this.#weights, 'head.') };
      return head.apply(hidden, weights, positions);
    });
  }

  /** Frees the weights, and the tables of positions. Never throws. */
  dispose(): void {
    for (const weight of Object.values(this.#weights)) weight.dispose();
    this.#stack.release();
  }

  /** Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Places of the tokens that see all, where some part asks for them. */
  #globals(
    rows: readonly (readonly number[])[],
    given: readonly (readonly number[])[] | undefined,
  ): readonly (readonly number[])[] | undefined {
    const { blocks, globals: first = 0, shape } = this.parts;
    const asks = Array.from({ length: shape.layers }, (_, layer) => blockAt(blocks, layer)).some(
      ({ parts }) => parts.some(({ readsGlobals }) => readsGlobals),
    );
    if (given && !asks)
      throw new ValueError(
        'encoder',
        'globals',
        'must be left out: no part of the model knows tokens that see all',
        given,
      );
    if (!asks) return undefined;
    const places = given ?? rows.map((row) => row.slice(0, first).map((_, i) => i));
    const fits = (place: number, b: number): boolean =>
      Number.isInteger(place) && place >= 0 && place < rows[b]!.length;
    if (
      places.length !== rows.length ||
      places.some((row, b) => !row.every((place) => fits(place, b)) || new Set(row).size !== row.length)
    )
      throw new ValueError('encoder', 'globals', 'must be different places of each row of ids', places);
    return places;
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
    const normed = embedNorm ? embedNorm.apply(x, this.#embedNormWeights) : x;
    const { embedProject, 'embedProject.bias': bias } = this.#weights;
    return embedProject ? linear<'B L E'>(normed, embedProject, { bias }) : normed;
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
