import { type Device, type LayerSpec, type StateView, scope, ValueError } from '@headwise/tensor';
import {
  checkAlive,
  checkCount,
  checkCrop,
  checkFormat,
  checkOrder,
  checkRoom,
  checkRows,
  checkSpec,
  type Rows,
} from './checks.ts';
import type { Cache, CacheBytes, CacheFormat, CacheOptions } from './contract.ts';
import { describe, loadOne, type Persistent, type Snapshot, saveOne } from './format/snapshot.ts';
import { roundedRows } from './row-store.ts';

/**
 * What all caches of rows do alike: check the call, refuse it before anything is touched, and pass on what is
 * left. A cache says the rest in the protected methods, which may trust their arguments.
 */
export abstract class BaseCache implements Cache, Persistent {
  abstract readonly kind: string;
  readonly device: Device;
  readonly spec: LayerSpec;
  readonly layer: number;
  readonly B: number;
  readonly capacity: number;
  /** Length after which tokens are refused. */
  readonly limit: number;
  readonly format: CacheFormat | undefined;
  gate: ((tokens: number) => void) | undefined;
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
    this.layer = options.layer ?? 0;
    this.B = options.B;
    this.capacity = options.capacity;
    this.limit = options.limit ?? Infinity;
    this.format = options.format;
  }

  get length(): number {
    return this.seen;
  }

  abstract get held(): number;

  append(rows: Rows): StateView {
    this.check('append');
    const L = checkRows(`${this.kind}.append`, this, rows);
    this.gate?.(L);
    this.checkAppend(L);
    const { format } = this;
    if (format === undefined) this.put(rows, L);
    else scope(() => this.put(roundedRows(`${this.kind}.append`, rows, format), L));
    return this.current;
  }

  checkAppend(tokens: number): void {
    this.check('append');
    checkRoom(`${this.kind}.append`, tokens, this.length, this.limit);
    this.checkPut(tokens);
  }

  view(): StateView {
    this.check('view');
    return this.current;
  }

  constants(): Rows {
    return {};
  }

  advance(_constants: Rows, _tokens: number): void {
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
    this.check('crop');
    checkCrop(`${this.kind}.crop`, length, this.seen);
    this.checkCut(length);
  }

  reorder(order: readonly number[]): void {
    this.check('reorder');
    checkOrder(`${this.kind}.reorder`, order, this.B);
    this.permute(order);
  }

  clone(): Cache {
    this.check('clone');
    return this.copy();
  }

  reset(): void {
    this.check('reset');
    this.cut(0);
  }

  bytes(): CacheBytes {
    this.check('bytes');
    return this.measure();
  }

  async save(): Promise<Uint8Array> {
    return saveOne(this);
  }

  load(file: Uint8Array): void {
    loadOne(this, file);
  }

  async snapshot(): Promise<Snapshot> {
    this.check('save');
    const head = describe(this);
    return { ...head, ...(await this.content()) };
  }

  restore(snapshot: Snapshot): () => void {
    this.check('load');
    return this.take(snapshot);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.free();
  }

  /** @throws {DeviceError} when the cache is disposed. */
  protected check(what: string): void {
    checkAlive(`${this.kind}.${what}`, this.device, this.#disposed);
  }

  /** Throws where `put` has no room for L more tokens. */
  protected checkPut(_L: number): void {}
  /** Writes L checked tokens and sets `seen` and `current`. */
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
