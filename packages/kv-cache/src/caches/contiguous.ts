import { keep, tensor, ValueError } from '@headwise/tensor';
import { BaseCache } from '../base.ts';
import { checkRoom, type IndexTensor, type Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import { paddingIn } from '../format/bookkeeping.ts';
import { CacheFileError } from '../format/errors.ts';
import { checkFits, hostRows, type Snapshot, sectionsOf } from '../format/snapshot.ts';
import { RowStore } from '../row-store.ts';

/**
 * Everything, in order, in buffers that never move: slot j holds position j. The cache that all others are
 * compared with, and the one to take when the longest sequence is known.
 *
 * ```text
 * k [B, capacity, Hkv, D]     valid = length
 * v [B, capacity, Hkv, Dv]
 * ```
 *
 * An append of L tokens writes `B · L` rows and nothing else. Memory is that of the capacity from the start, so
 * nothing grows while decoding; an append that does not fit is refused. With `padding`, sequences of different
 * lengths stand in one batch, aligned on the right.
 */
export const contiguous = defineCache({
  name: 'contiguous',
  title: 'Contiguous cache of fixed capacity',
  summary: 'Keeps every token in buffers allocated once; appends in place and refuses what does not fit.',
  holds: ['full', 'window', 'latent'],
  fidelity: 'exact',
  create: createContiguous,
});

/** What a contiguous cache is made from. */
export interface ContiguousOptions extends CacheOptions {
  /**
   * For each sequence, how many of its first tokens are padding: prompts of different lengths, aligned on the
   * right, as one batch. Padding is never seen, and positions count from the first real token. Default none.
   */
  readonly padding?: readonly number[] | undefined;
}

/** @throws {ValueError} if B, the capacity or a padding is not a whole number that fits. */
export function createContiguous(options: ContiguousOptions): Cache {
  return new ContiguousCache(options);
}

class ContiguousCache extends BaseCache {
  readonly kind = 'contiguous';
  readonly #options: ContiguousOptions;
  readonly #store: RowStore;
  /** First real token of each sequence; empty when no sequence is padded. */
  #padding: readonly number[];
  /** `[B, capacity]`, where sequences are padded. */
  #keyPositions: IndexTensor | undefined;
  /** `[B, L]` of the present view. */
  #queryPositions: IndexTensor | undefined;

  constructor(options: ContiguousOptions, store?: RowStore) {
    super('contiguous', options, ['full', 'window', 'latent'], true);
    this.#options = options;
    this.#padding = options.padding ?? [];
    if (options.padding) checkPadding(options.padding, this);
    this.#store = store ?? new RowStore(this.device, this.spec.rows, this.B, this.capacity, options.format);
    this.#moveTo(0, 0);
    this.#indexKeys();
  }

  get held(): number {
    return this.seen;
  }

  override reset(): void {
    super.reset();
    this.#pad(this.#options.padding ?? []);
  }

  protected override checkPut(L: number): void {
    checkRoom('contiguous.append', L, this.seen, this.capacity);
  }

  protected put(rows: Rows, L: number): void {
    this.#store.copy(rows, { from: 0, to: this.seen, count: L });
    this.#moveTo(this.seen + L, this.seen);
  }

  protected cut(length: number): void {
    this.#moveTo(length, length);
  }

  protected permute(order: readonly number[]): void {
    this.#store.reorder(order, this.seen);
    this.#pad(this.#padding.length > 0 ? order.map((from) => this.#padding[from]!) : []);
  }

  protected copy(): Cache {
    const twin = new ContiguousCache(this.#options, this.#store.clone());
    twin.seen = this.seen;
    twin.#pad(this.#padding);
    return twin;
  }

  protected measure(): CacheBytes {
    const token = this.B * this.#store.rowBytes;
    const index = 4 * ((this.#keyPositions?.size ?? 0) + (this.#queryPositions?.size ?? 0));
    return { used: token * this.seen, full: token * this.capacity, device: this.#store.bytes + index };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const read = this.#store.read(() => [{ start: 0, count: this.seen }]);
    return { state: { padding: this.#padding }, sections: sectionsOf(await read) };
  }

  protected take(snapshot: Snapshot): () => void {
    const { length } = snapshot;
    const padding = paddingIn(snapshot);
    checkFits(this, length, Math.min(this.capacity, this.limit));
    if (padding.length > 0 && !isPadding(padding, this)) {
      throw new CacheFileError(
        'mismatch',
        `it is padded by [${padding}], this cache has ${this.B} times ${this.capacity} slots`,
      );
    }
    const host = hostRows(snapshot, length);
    return () => {
      for (let b = 0; b < this.B; b++) this.#store.fill(host, b, { from: b * length, to: 0, count: length });
      this.seen = length;
      this.#pad(padding);
    };
  }

  protected free(): void {
    this.#store.dispose();
    this.#keyPositions?.dispose();
    this.#queryPositions?.dispose();
  }

  #moveTo(length: number, offset: number): void {
    this.seen = length;
    this.#queryPositions?.dispose();
    this.#queryPositions = this.#index(offset, length - offset);
    this.current = {
      rows: this.#store.tensors,
      valid: length,
      offset,
      ...(this.#keyPositions && { keyPositions: this.#keyPositions }),
      ...(this.#queryPositions && { queryPositions: this.#queryPositions }),
    };
  }

  #pad(padding: readonly number[]): void {
    this.#padding = padding;
    this.#indexKeys();
    this.#moveTo(this.seen, this.seen);
  }

  #indexKeys(): void {
    this.#keyPositions?.dispose();
    this.#keyPositions = this.#index(0, this.capacity);
  }

  /** Positions of the slots `start …` of every sequence, negative for padding; undefined where nothing is padded. */
  #index(start: number, count: number): IndexTensor | undefined {
    if (this.#padding.length === 0 || count === 0) return undefined;
    const rows = this.#padding.flatMap((pad) =>
      Array.from({ length: count }, (_, i) => Math.max(-1, start + i - pad)),
    );
    return keep(tensor(this.device, Int32Array.from(rows), [this.B, count]));
  }
}

function isPadding(
  padding: readonly number[],
  { B, capacity }: { readonly B: number; readonly capacity: number },
): boolean {
  return padding.length === B && padding.every((pad) => Number.isInteger(pad) && pad >= 0 && pad <= capacity);
}

function checkPadding(
  padding: readonly number[],
  cache: { readonly B: number; readonly capacity: number },
): void {
  if (isPadding(padding, cache)) return;
  const rule = `must be ${cache.B} whole numbers from 0 to ${cache.capacity}, one a sequence`;
  throw new ValueError('contiguous', 'padding', rule, padding);
}
