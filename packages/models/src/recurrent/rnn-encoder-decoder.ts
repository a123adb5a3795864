import {
  add,
  checkIds,
  concat,
  createPositions,
  type Device,
  gather,
  keep,
  linear,
  reduce,
  scope,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import { within } from '../block.ts';
import type { Shapes, Weights } from '../part.ts';
import { checkModelWeights } from '../stack.ts';
import { gruParameters, gruStep, keptWhere } from './gru.ts';
import { type Reader, type Reading, reordered } from './reader.ts';

/** What a recurrent encoder-decoder is put together from. */
export interface RnnParts {
  /** Sizes of the vocabularies of source and text. */
  readonly Vs: number;
  readonly V: number;
  /** Width of the embeddings. */
  readonly E: number;
  /** Width of what recurrent units remember. */
  readonly N: number;
  /** Width of the maxout layer before the output. */
  readonly M: number;
  /** `fixedContext` (Cho 2014) or `alignedContext({ A })` (Bahdanau 2014). */
  readonly reader: Reader;
}

/** Parts and weights. */
export interface RnnOptions extends RnnParts {
  readonly device: Device;
  /** By the names of `rnnParameters`, on the device. The model owns them from here on. */
  readonly weights: Weights;
}

type Rows = readonly (readonly number[])[];

/** Names and shapes of all weights. Never throws. */
export function rnnParameters({ Vs, V, E, N, M, reader }: RnnParts): Shapes {
  const C = reader.width(N);
  const named = (name: string, shapes: Shapes): [string, readonly number[]][] =>
    Object.entries(shapes).map(([key, size]) => [`${name}.${key}`, size]);
  return Object.fromEntries([
    ['encoder.embed', [Vs, E]],
    ...named('encoder', reader.parameters(E, N)),
    ['decoder.embed', [V, E]],
    ...named('decoder', gruParameters(E + C, N)),
    ['out.state', [2 * M, N]],
    ['out.embed', [2 * M, E]],
    ['out.context', [2 * M, C]],
    ['out.bias', [2 * M]],
    ['head', [V, M]],
    ['head.bias', [V]],
  ] as [string, readonly number[]][]);
}

/**
 * Puts a recurrent encoder-decoder together: what attention was invented for.
 *
 * ```text
 * s_i = gru([embed[y_(i−1)] ; c_i], s_(i−1))
 * t_i = maxout(state · s_i + embed · embed[y_(i−1)] + context · c_i)      the larger of each two
 * logits = head · t_i
 * ```
 *
 * As eq. 4 of Bahdanau et al. has it, the output sees `s_i`; their appendix writes `s_(i−1)`.
 *
 * @example
 * const model = createRnnEncoderDecoder({ Vs, V, E, N, M, reader: alignedContext({ A }), device, weights });
 * using session = model.start([[5, 6, 7], [8]]); // two sources
 * session.step([[0], [0]]); // [2, V]
 *
 * @throws {ValueError} naming the weights that are missing or not the model's.
 * @throws {ShapeError} naming the first weight of a wrong shape.
 * @see Cho et al. 2014, {@link https://arxiv.org/abs/1406.1078}; Bahdanau et al. 2014, appendix A.2.2,
 * {@link https://arxiv.org/abs/1409.0473}
 */
export function createRnnEncoderDecoder(options: RnnOptions): RnnEncoderDecoder {
  checkModelWeights('rnn', rnnParameters(options), options.weights);
  return new RnnEncoderDecoder(options);
}

/** A recurrent encoder-decoder with its weights on a device. */
export class RnnEncoderDecoder implements Disposable {
  readonly device: Device;
  readonly parts: RnnParts;
  readonly #weights: Weights;

  constructor({ device, weights, ...parts }: RnnOptions) {
    this.device = device;
    this.parts = parts;
    this.#weights = weights;
  }

  /**
   * Reads sources and begins a text for each.
   * @throws {ValueError} for a source of no token, or an id outside the vocabulary.
   */
  start(source: readonly number[] | Rows): RnnSession {
    const rows = rowsOf(source, 'source');
    for (const row of rows) checkIds('rnn source', row, this.parts.Vs);
    const read = scope(() => {
      const positions = createPositions(
        this.device,
        rows.map((row) => row.map((_, i) => i)),
      );
      const x = gather<'B L E'>(this.#weights['encoder.embed']!, filled(this.device, rows));
      const reading = this.parts.reader.read(x, positions, within(this.#weights, 'encoder.'));
      return { reading, s: keep<Tensor>(reading.start) };
    });
    return new RnnSession(this, this.#weights, read.reading, read.s);
  }

  /** Frees the weights. Never throws. */
  dispose(): void {
    for (const weight of Object.values(this.#weights)) weight.dispose();
  }

  /** Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Texts in progress, one for each source. */
export class RnnSession implements Disposable {
  readonly #model: RnnEncoderDecoder;
  readonly #weights: Weights;
  readonly #reading: Reading;
  #s: Tensor;

  constructor(model: RnnEncoderDecoder, weights: Weights, reading: Reading, s: Tensor) {
    this.#model = model;
    this.#weights = weights;
    this.#reading = reading;
    this.#s = s;
  }

  /** Sequences now. */
  get B(): number {
    return this.#s.shape[0]!;
  }

  /**
   * Appends tokens and returns the logits that follow the last of each sequence.
   *
   * @param ids `[L]`, or B rows of at least one token, of different lengths
   * @param look is given, for each token that is appended, the weight of each token of the source `[B, Ls]`, where the
   * reader has them. Freed after the call.
   * @returns `[B, V]`
   * @throws {ValueError} for an id outside the vocabulary, or another number of rows.
   */
  step(ids: readonly number[] | Rows, look?: (alignment: Tensor) => void): Tensor<'B V'> {
    const rows = rowsOf(ids, 'ids');
    const { B } = this;
    if (rows.length !== B) throw new ValueError('rnn', 'ids', `must be ${B} rows`, rows.length);
    for (const row of rows) checkIds('rnn', row, this.#model.parts.V);
    const L = Math.max(...rows.map(({ length }) => length));
    const result = scope(() => {
      let s = this.#s;
      let logits: Tensor | undefined;
      for (let i = 0; i < L; i++) {
        const there = rows.map(({ length }) => (i < length ? 1 : 0));
        const after = this.#token(
          s,
          rows.map((row) => row[i] ?? 0),
          look,
        );
        s = keptWhere(s, after.s, there);
        logits = logits ? keptWhere(logits, after.logits, there) : after.logits;
      }
      return { s: keep(s.reshape(s.shape) as Tensor), logits: logits as Tensor<'B V'> };
    });
    this.#s.dispose();
    this.#s = result.s;
    return result.logits;
  }

  /**
   * Goes on with other sequences: sequence b becomes what `order[b]` was, as beams need it.
   * @throws {ValueError} unless `order` names sequences there are.
   */
  take(order: readonly number[]): void {
    const { B } = this;
    if (order.length === 0 || !order.every((from) => Number.isInteger(from) && from >= 0 && from < B))
      throw new ValueError('rnn.take', 'order', `must name sequences from 0 to ${B - 1}`, order);
    scope(() => {
      const next = reordered(this.#s, order);
      this.#reading.take(order);
      this.#s.dispose();
      this.#s = keep(next);
    });
  }

  /** Frees what it remembers. Never throws. */
  dispose(): void {
    this.#s.dispose();
    this.#reading.dispose();
  }

  /** Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** One token of each sequence. */
  #token(
    s: Tensor,
    ids: readonly number[],
    look: ((alignment: Tensor) => void) | undefined,
  ): { readonly s: Tensor; readonly logits: Tensor } {
    const weights = this.#weights;
    const y: Tensor = gather(weights['decoder.embed']!, tensor(s.device, Int32Array.from(ids), [ids.length]));
    const { c, weights: alignment } = this.#reading.context(s);
    if (alignment) look?.(alignment);
    const unit = within(weights, 'decoder.');
    const next: Tensor = gruStep(linear(concat(y, c), unit.input!, { bias: unit['input.bias'] }), s, unit);
    const seen = add(
      add(
        linear(next, weights['out.state']!, { bias: weights['out.bias'] }) as Tensor,
        linear(y, weights['out.embed']!),
      ),
      linear(c, weights['out.context']!),
    );
    const t = reduce(seen.reshape([ids.length, this.#model.parts.M, 2]), 'max');
    return { s: next, logits: linear(t, weights.head!, { bias: weights['head.bias'] }) };
  }
}

function rowsOf(ids: readonly number[] | Rows, argument: string): Rows {
  const rows = (typeof ids[0] === 'number' ? [ids] : ids) as Rows;
  if (rows.length > 0 && rows.every(({ length }) => length > 0)) return rows;
  throw new ValueError(
    'rnn',
    argument,
    'must be rows of at least one token',
    rows.map(({ length }) => length),
  );
}

function filled(device: Device, rows: Rows): Tensor<'B L', 'i32'> {
  const L = Math.max(...rows.map(({ length }) => length));
  const all = rows.flatMap((row) => Array.from({ length: L }, (_, i) => row[i] ?? 0));
  return tensor<'B L'>(device, Int32Array.from(all), [rows.length, L]);
}
