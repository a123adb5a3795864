import {
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
  checkColumns,
  checkCount,
  checkCrop,
  checkFormat,
  checkOrder,
  checkRoom,
  checkRows,
  checkSpec,
  type Rows,
} from './checks.ts';
import type { Cache, CacheBytes, CacheOptions } from './contract.ts';
import { describe, loadOne, type Persistent, type Snapshot, saveOne } from './format/snapshot.ts';
import { placeTokens } from './tokens.ts';

/**
 * What all caches of rows do alike: check the call, refuse it before anything is touched, and pass on what is
 * left. A cache says the rest in the protected methods, which may trust their arguments.
 */
export abstract class BaseCache implements Cache, Persistent {
  abstract readonly kind: string;
  readonly device: Device;
  readonly spec: LayerSpec;
  readonly id: string;
  readonly B: number;
  readonly capacity: number;
  /** Length after which tokens are refused. */
  readonly limit: number;
  protected seen = 0;
  protected current: StateView = { rows: {}, valid: 0, offset: 0 };
  #disposed = false;

  /** @param keepsFormats whether its rows can be kept in fewer bits */
  constructor(
    kind: string,
    options: CacheOptions,
    holds: readonly LayerSpec['kind'][],
    keepsFormats = false,
  ) {
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
    this.B = options.B;
    this.capacity = options.capacity;
    this.limit = options.limit ?? Infinity;
  }

  get length(): number {
    return this.seen;
  }

  abstract get held(): number;

  get lengths(): readonly number[] {
    return Array.from({ length: this.B }, () => this.length);
  }

  check(tokens: Tokens): void {
    this.checkAlive('check');
    this.#place(`${this.kind}.append`, tokens);
  }

  append(rows: Rows, at?: Positions): StateView {
    this.checkAlive('append');
    const op = `${this.kind}.append`;
    const L = checkRows(op, this, rows);
    if (at) checkColumns(op, at, L);
    this.#place(op, at ?? L);
    this.put(rows, L);
    return this.current;
  }

  view(): StateView {
    this.checkAlive('view');
    return this.current;
  }

  constants(): Rows {
    return {};
  }

  advance(_constants: Rows, _tokens: Tokens): void {
    throw new ValueError(
      `${this.kind}.advance`,
      'the state',
      'must be recurrent; this layer keeps rows, which append adds',
      this.spec.kind,
    );
  }

  crop(length: number): void {
    this.checkCrop(length);
    this.cut(length);
  }

  checkCrop(length: number): void {
    this.checkAlive('crop');
    checkCrop(`${this.kind}.crop`, length, this.seen);
    this.checkCut(length);
  }

  reorder(order: readonly number[]): void {
    this.checkAlive('reorder');
    checkOrder(`${this.kind}.reorder`, order, this.B);
    this.permute(order);
  }

  clone(): Cache {
    this.checkAlive('clone');
    return this.copy();
  }

  reset(): void {
    this.checkAlive('reset');
    this.cut(0);
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
    return this.take(snapshot);
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

  #place(op: string, tokens: Tokens): void {
    const { L, even } = placeTokens(op, tokens, this.lengths);
    if (!even) throw new ValueError(op, 'at', 'must give every sequence as many tokens', 'different counts');
    checkRoom(op, L, this.length, this.limit);
    this.checkPut(L);
  }

  /** Throws where L more tokens cannot be written. */
  protected checkPut(_L: number): void {}
  /** Writes L tokens that `checkPut` has passed, and sets `seen` and `current`. */
  protected abstract put(rows: Rows, L: number): void;
  /** Goes back to `length`, 0 … `seen`. */
  protected abstract cut(length: number): void;
  /** Throws where `cut` cannot go back to `length`. */
  protected checkCut(_length: number): void {}
  protected abstract permute(order: readonly number[]): void;
  protected abstract copy(): Cache;
  protected abstract measure(): CacheBytes;
  /** Bookkeeping and numbers for a file; asks for all reads before it awaits one. */
  protected abstract content(): Promise<Pick<Snapshot, 'state' | 'sections'>>;
  /** Checks a file's content, changing nothing, and returns the step that takes it over. */
  protected abstract take(snapshot: Snapshot): () => void;
  protected abstract free(): void;
}
