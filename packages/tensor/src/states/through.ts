import type { Device } from '../contracts/device.ts';
import type { Positions } from '../contracts/position.ts';
import {
  type LayerSpec,
  type LayerState,
  type Pool,
  type StateView,
  stateId,
  type Tokens,
} from '../contracts/state.ts';
import { ValueError } from '../errors.ts';
import { checkFields } from '../given.ts';
import { keep } from '../scope.ts';
import { type Tensor, tensor, zeros } from '../tensor.ts';
import { checkPool, pooledCount, poolRows } from './pooled.ts';

/** What a state that keeps nothing is made from. */
export interface ThroughOptions {
  readonly device: Device;
  readonly spec: LayerSpec;
  /** Sequences. Default 1. */
  readonly B?: number | undefined;
  /** Default `stateId(0)`. */
  readonly id?: string | undefined;
  /** For a `shared` spec: the state it reads. */
  readonly producer?: LayerState | undefined;
  /**
   * Lengths of the documents that stand one after the other in each sequence: a token sees those of its own only, and
   * positions begin anew with each. What counts from the first position of a sequence (a prefix, sink tokens, chunks)
   * counts from the first of the row. Default one document.
   */
  readonly documents?: readonly (readonly number[])[] | undefined;
}

/**
 * A state that keeps nothing: an append hands back the very rows it was given (until the next one, or until it is
 * disposed), and the next one starts at position 0 again. For encoders, training and single calls, which read a whole
 * sequence at once; nothing is copied and nothing is written in place, so gradients pass through it.
 *
 * A `recurrent` one starts from zeros at each call.
 *
 * @throws {ValueError} if a shared state is given no producer, or a recurrent one documents: it has one state a
 * sequence; nor has one that pools, whose rows would mix them.
 */
export function createThrough(options: ThroughOptions): LayerState {
  checkFields('createThrough', 'options', options, ['device', 'spec']);
  const { device, spec, B = 1, id = stateId(0), producer, documents } = options;
  if (spec.kind === 'shared' && !producer)
    throw new ValueError(
      'through',
      'producer',
      `must be the state ${spec.producer}, which ${id} reads`,
      producer,
    );
  if (documents && spec.kind === 'recurrent')
    throw new ValueError(
      'through',
      'documents',
      `must be left out: ${id} is recurrent and has one state for a sequence (give each document a row of its own)`,
      documents.length,
    );
  if (documents && spec.pooled)
    throw new ValueError(
      'through',
      'documents',
      `must be left out: rows of ${id} are pooled over the tokens of a whole row (give each document a row of its own)`,
      documents.length,
    );
  if (documents && documents.length !== B)
    throw new ValueError('through', 'documents', `must be lists for ${B} sequences`, documents.length);
  return spec.kind === 'shared'
    ? new SharedThrough(spec, id, producer!)
    : new Through(device, spec, B, id, documents);
}

class Through implements LayerState {
  readonly length = 0;
  readonly lengths: readonly number[];
  #view: StateView | undefined;
  readonly #device: Device;
  readonly #zeros: Readonly<Record<string, Tensor>>;

  constructor(
    device: Device,
    readonly spec: LayerSpec,
    readonly B: number,
    readonly id: string,
    readonly documents: readonly (readonly number[])[] | undefined,
  ) {
    this.#device = device;
    this.lengths = new Array<number>(B).fill(0);
    this.#zeros = Object.fromEntries(
      Object.entries(spec.constant).map(([name, shape]) => [name, keep(zeros(device, [B, ...shape]))]),
    );
  }

  check(tokens: Tokens): void {
    if (typeof tokens !== 'number' && !this.documents) checkStart(this.id, tokens);
  }

  append(rows: Readonly<Record<string, Tensor>>, at?: Positions, pool?: Pool): StateView {
    const L = Object.values(rows)[0]?.shape[1] ?? 0;
    if (at) this.check(at);
    checkPool('through.append', this.spec, pool);
    this.#forget();
    const pooled = Object.keys(this.spec.pooled ?? {}).map(
      (name) => [name, keep(this.#pooled(name, rows, at, pool!))] as const,
    );
    // handles of its own, since a layer that shares them reads them after the scope of this one
    const held = [
      ...Object.entries(rows).map(([name, row]) => [name, keep(row.reshape(row.shape))] as const),
      ...pooled,
    ];
    if (this.documents) {
      const { slots, until } = placesOf(this.documents, L);
      const place = keep(tensor(this.#device, slots, [this.B, L])) as Tensor<string, 'i32'>;
      const view: StateView = {
        rows: Object.fromEntries(held),
        valid: L,
        offset: 0,
        keyPositions: place as Tensor<'B Lk', 'i32'>,
        queryPositions: place as Tensor<'B Lq', 'i32'>,
        keyUntil: keep(tensor<'B Lk'>(this.#device, until, [this.B, L])),
      };
      this.#view = view;
      return view;
    }
    const listed = at && !inOrder(at) ? keep(at.tensor.reshape(at.shape)) : undefined;
    this.#view = {
      rows: Object.fromEntries(held),
      valid: L,
      offset: 0,
      ...(listed && { keyPositions: listed, queryPositions: listed }),
    };
    return this.#view;
  }

  view(): StateView {
    if (!this.#view)
      throw new ValueError('through', 'view', 'follows an append in the same call', 'none yet');
    return this.#view;
  }

  constants(): Readonly<Record<string, Tensor>> {
    return this.#zeros;
  }

  advance(): void {}

  dispose(): void {
    this.#forget();
    for (const tensor of Object.values(this.#zeros)) tensor.dispose();
  }

  /** Of every sequence as many as the longest completes, and one at least: `[B, n, ...row]`; zeros where there is none. */
  #pooled(
    name: string,
    rows: Readonly<Record<string, Tensor>>,
    at: Positions | undefined,
    pool: Pool,
  ): Tensor {
    const { of, every, over = every } = this.spec.pooled![name]!;
    const L = rows[of]!.shape[1]!;
    const columns = this.lengths.map((_, b) => {
      const row = at?.host.subarray((at.shape[0] === 1 ? 0 : b) * L, (at.shape[0] === 1 ? 0 : b) * L + L);
      return Array.from({ length: L }, (_, i) => i).filter((i) => !row || row[i]! >= 0);
    });
    const counts = columns.map(({ length }) => pooledCount(this.spec.pooled![name]!, length));
    const n = Math.max(1, ...counts);
    const slots = new Int32Array(this.B * n * over).fill(-1);
    columns.forEach((own, b) => {
      for (let j = 0; j < counts[b]!; j++)
        for (let t = 0; t < over; t++) slots[(b * n + j) * over + t] = b * L + own[every * j + t]!;
    });
    const made = poolRows('through.append', this.spec, name, rows[of]!, slots, pool);
    return made.reshape([this.B, n, ...made.shape.slice(1)]);
  }

  #forget(): void {
    for (const row of Object.values(this.#view?.rows ?? {})) row.dispose();
    this.#view?.keyPositions?.dispose();
    this.#view?.keyUntil?.dispose();
    this.#view = undefined;
  }
}

class SharedThrough implements LayerState {
  constructor(
    readonly spec: LayerSpec,
    readonly id: string,
    readonly producer: LayerState,
  ) {}

  get B(): number {
    return this.producer.B;
  }

  get length(): number {
    return this.producer.length;
  }

  get lengths(): readonly number[] {
    return this.producer.lengths;
  }

  check(): void {}

  append(): never {
    throw this.#refusal('append');
  }

  view(): StateView {
    return this.producer.view();
  }

  constants(): Readonly<Record<string, Tensor>> {
    return this.producer.constants();
  }

  advance(): never {
    throw this.#refusal('advance');
  }

  dispose(): void {}

  #refusal(what: string): ValueError {
    return new ValueError(
      'through',
      what,
      `belongs to the state ${this.producer.id}, which it reads`,
      this.id,
    );
  }
}

/**
 * Where the tokens of documents in a row stand, −1 beyond the last, and the last place that sees each.
 * @throws {ValueError} if they are longer than the row.
 */
function placesOf(
  documents: readonly (readonly number[])[],
  L: number,
): { readonly slots: Int32Array; readonly until: Int32Array } {
  const [slots, until] = [
    new Int32Array(documents.length * L).fill(-1),
    new Int32Array(documents.length * L),
  ];
  for (const [b, lengths] of documents.entries()) {
    let end = 0;
    for (const length of lengths) {
      const start = end;
      end += length;
      if (!Number.isSafeInteger(length) || length < 1 || end > L)
        throw new ValueError(
          'through',
          `documents[${b}]`,
          `must be lengths ≥ 1 of documents that fit into ${L} tokens`,
          `[${lengths.join(', ')}]`,
        );
      for (let i = start; i < end; i++) {
        slots[b * L + i] = i;
        until[b * L + i] = end - 1;
      }
    }
  }
  return { slots, until };
}

/** Whether every sequence is `0 … L − 1`: nothing has to be said of it. */
function inOrder({ host, shape: [, L] }: Positions): boolean {
  return host.every((position, n) => position === n % L);
}

function checkStart(id: string, { host, shape: [rows, L] }: Positions): void {
  for (let b = 0; b < rows; b++) {
    let next = 0;
    for (let i = 0; i < L; i++) {
      const position = host[b * L + i]!;
      if (position < 0) continue;
      if (position !== next++)
        throw new ValueError(
          'through',
          `positions[${b}][${i}]`,
          `must be ${next - 1}: ${id} keeps nothing, so every call is a whole sequence (take a cache to go on with one)`,
          position,
        );
    }
  }
}
