import {
  checkFields,
  type Device,
  type LayerSpec,
  type Positions,
  type StateView,
  stateId,
  type Tokens,
  ValueError,
} from '@headwise/tensor';
import {
  checkAlive,
  checkCount,
  checkCrop,
  checkFormat,
  checkOrder,
  checkSpec,
  type Rows,
} from './checks.ts';
import type { Cache, CacheBytes, CacheFormat, CacheOptions } from './contract.ts';
import { loadOne, saveOne } from './format/one.ts';
import { describe, type Persistent, type Snapshot } from './format/snapshot.ts';
import { checkRoom, type Placement, placeTokens } from './tokens.ts';

/**
 * What all caches do alike: check the call, refuse it before anything is touched, and pass on what is left. A cache
 * says the rest in the protected methods, which may trust their arguments.
 */
export abstract class BaseCache implements Cache, Persistent {
  abstract readonly kind: string;
  readonly device: Device;
  readonly spec: LayerSpec;
  readonly id: string;
  readonly capacity: number;
  /** Length after which tokens are refused. */
  readonly limit: number;
  /** In how many bits its rows are kept; undefined for f32. */
  readonly format: CacheFormat | undefined;
  /** What a call that adds tokens is named in errors. */
  protected abstract readonly adding: string;
  gate?: ((tokens: Tokens) => void) | undefined;
  #lengths: readonly number[]; // [B]
  /** What was placed last, until the lengths change: a step asks all its layers first, and then tells each. */
  #placed: { readonly tokens: Tokens; readonly placement: Placement } | undefined;
  #disposed = false;

  /** @param keepsFormats whether its rows can be kept in fewer bits */
  constructor(
    kind: string,
    options: CacheOptions,
    holds: readonly LayerSpec['kind'][],
    keepsFormats = false,
  ) {
    checkFields(kind, 'options', options);
    checkSpec(kind, options.spec, holds);
    if (typeof options.device?.allocate !== 'function') {
      throw new ValueError(kind, 'device', 'must be a device, which createDevice makes', options.device);
    }
    checkFormat(kind, options, keepsFormats);
    checkCount(kind, 'B', options.B);
    checkCount(kind, 'capacity', options.capacity);
    if (options.limit !== undefined && options.limit !== Infinity) checkCount(kind, 'limit', options.limit);
    this.device = options.device;
    this.spec = options.spec;
    this.id = options.id ?? stateId(0);
    this.capacity = options.capacity;
    this.limit = options.limit ?? Infinity;
    this.format = options.format;
    this.#lengths = Array.from({ length: options.B }, () => 0);
  }

  get B(): number {
    return this.#lengths.length;
  }

  get length(): number {
    return Math.max(...this.#lengths);
  }

  get lengths(): readonly number[] {
    return this.#lengths;
  }

  abstract get held(): number;

  check(tokens: Tokens): void {
    this.checkAlive('check');
    this.place(tokens);
  }

  abstract append(rows: Rows, at?: Positions): StateView;
  abstract view(): StateView;
  abstract constants(): Rows;
  abstract advance(constants: Rows, tokens: Tokens): void;

  crop(length: number | readonly number[]): void {
    this.cut(this.#cropTo(length));
  }

  checkCrop(length: number | readonly number[]): void {
    this.#cropTo(length);
  }

  take(order: readonly number[]): void {
    this.checkAlive('take');
    checkOrder(`${this.kind}.take`, order, this.B);
    this.rearrange(order);
    this.settle(order.map((from) => this.#lengths[from]!));
  }

  clone(): Cache {
    this.checkAlive('clone');
    const twin = this.copy();
    twin.settle(this.#lengths);
    return twin;
  }

  reset(): void {
    this.checkAlive('reset');
    this.cut(this.#lengths.map(() => 0));
  }

  bytes(): CacheBytes {
    this.checkAlive('bytes');
    return this.measure();
  }

  async save(): Promise<Uint8Array> {
    return saveOne(this);
  }

  load(file: Uint8Array): void {
    loadOne(this, file);
  }

  async snapshot(): Promise<Snapshot> {
    this.checkAlive('save');
    const head = describe(this);
    return { ...head, ...(await this.content()) };
  }

  restore(snapshot: Snapshot): () => void {
    this.checkAlive('load');
    const step = this.accept(snapshot);
    return () => {
      step();
      this.settle(snapshot.lengths);
    };
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.free();
  }

  /** @throws {DeviceError} when the cache is disposed. */
  protected checkAlive(what: string): void {
    checkAlive(`${this.kind}.${what}`, this.device, this.#disposed);
  }

  /** Where tokens would stand. @throws {ValueError} if they do not fit. */
  protected place(tokens: Tokens): Placement {
    if (this.#placed?.tokens !== tokens) {
      const op = `${this.kind}.${this.adding}`;
      const placement = placeTokens(op, tokens, this.#lengths);
      checkRoom(op, placement, this.limit);
      this.#placed = { tokens, placement };
    }
    const { placement } = this.#placed;
    this.checkPut(placement);
    return placement;
  }

  /** Takes back tokens, so that the sequences are this long; `checkCut` has passed, or they were so long just before. */
  protected cut(lengths: readonly number[]): void {
    this.trim(lengths);
    this.settle(lengths);
  }

  /** The sequences are this long from now on. */
  protected settle(lengths: readonly number[]): void {
    this.#lengths = lengths;
    this.#placed = undefined;
  }

  /** Throws where tokens cannot be written. */
  protected checkPut(_placed: Placement): void {}
  /** Throws where `trim` cannot go back to these lengths. */
  protected checkCut(_lengths: readonly number[]): void {}
  /** Lets go of what the sequences hold from these lengths on. */
  protected abstract trim(lengths: readonly number[]): void;
  /** Sequence b becomes what `order[b]` was. */
  protected abstract rearrange(order: readonly number[]): void;
  /** A cache with the same content, but for the lengths. */
  protected abstract copy(): BaseCache;
  protected abstract measure(): CacheBytes;
  /** Bookkeeping and numbers for a file; asks for all reads before it awaits one. */
  protected abstract content(): Promise<Pick<Snapshot, 'state' | 'sections'>>;
  /** Checks a file's content, changing nothing, and returns the step that takes it over, but for the lengths. */
  protected abstract accept(snapshot: Snapshot): () => void;
  protected abstract free(): void;

  #cropTo(length: number | readonly number[]): readonly number[] {
    this.checkAlive('crop');
    const lengths = checkCrop(`${this.kind}.crop`, length, this.#lengths);
    this.checkCut(lengths);
    return lengths;
  }
}
