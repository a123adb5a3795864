import type { StateView } from '@headwise/tensor';
import type { Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import { checkFits, hostRows, type Snapshot, sectionsOf, totalOf } from '../format/snapshot.ts';
import { RowStore, replaced } from '../row-store.ts';
import { RowsCache } from '../rows-cache.ts';
import { checkRoom, movesInOrder, type Placement } from '../tokens.ts';

/**
 * Everything, in order, in buffers that never move: slot j of a sequence holds its position j. The cache that all
 * others are compared with, and the one to take when the longest sequence is known.
 *
 * ```text
 * k [B, capacity, Hkv, D]     valid = length of the longest sequence
 * v [B, capacity, Hkv, Dv]    keyPositions [B, capacity] where sequences differ: j, −1 from a sequence's end on
 * ```
 *
 * An append of L tokens writes at most `B · L` rows and nothing else. Memory is that of the capacity from the start,
 * so nothing grows while decoding; an append that does not fit is refused.
 */
export const contiguous = defineCache({
  name: 'contiguous',
  title: 'Contiguous cache of fixed capacity',
  summary: 'Keeps every token in buffers allocated once; appends in place and refuses what does not fit.',
  holds: ['full', 'window', 'latent'],
  fidelity: 'exact',
  create: createContiguous,
});

/** @throws {ValueError} if B or the capacity is not a whole number ≥ 1. */
export function createContiguous(options: CacheOptions): Cache {
  return new ContiguousCache(options);
}

class ContiguousCache extends RowsCache {
  readonly kind = 'contiguous';
  readonly #options: CacheOptions;
  #store: RowStore;

  constructor(options: CacheOptions, store?: RowStore) {
    super('contiguous', options, ['full', 'window', 'latent'], { keepsFormats: true, pools: true });
    this.#options = options;
    try {
      this.#store = store ?? new RowStore(this.device, this.spec.rows, this.B, this.capacity, options.format);
    } catch (error) {
      this.pooled?.dispose();
      throw error;
    }
  }

  get held(): number {
    return this.length;
  }

  protected override checkPut(placed: Placement): void {
    checkRoom('contiguous.append', placed, this.capacity);
  }

  protected put(rows: Rows, placed: Placement): void {
    this.#store.put(rows, movesInOrder(placed));
  }

  protected override putSlots(placed: Placement): boolean {
    return this.#store.putSlots(movesInOrder(placed));
  }

  protected override putRows(rows: Rows): void {
    this.#store.putRows(rows);
  }

  protected look(placed: Placement | undefined): StateView {
    const { tensors: rows } = this.#store;
    return this.show({ rows, valid: this.length, keyPositions: this.keysInOrder() }, placed);
  }

  protected trim(): void {}

  protected rearrange(order: readonly number[]): void {
    this.pooled?.take(order);
    this.#store = replaced(
      this.#store,
      this.#store.take(order, (b) => this.lengths[b]!),
    );
  }

  protected copy(): ContiguousCache {
    const twin = new ContiguousCache({ ...this.#options, B: this.B }, this.#store.clone());
    if (this.pooled) twin.pooled!.copy(this.pooled);
    return twin;
  }

  protected measure(): CacheBytes {
    const row = this.#store.rowBytes;
    return {
      used: row * totalOf(this.lengths),
      full: row * this.B * this.capacity,
      device: this.#store.bytes + this.indexBytes,
    };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const read = this.#store.read((b) => [{ start: 0, count: this.lengths[b]! }]);
    return { state: {}, sections: sectionsOf(await read) };
  }

  protected accept(snapshot: Snapshot): () => void {
    const { lengths } = snapshot;
    checkFits(this, lengths, Math.min(this.capacity, this.limit));
    const host = hostRows(snapshot, totalOf(lengths));
    return () => {
      let from = 0;
      lengths.forEach((count, b) => {
        this.#store.fill(host, b, { from, to: 0, count });
        from += count;
      });
    };
  }

  protected override free(): void {
    super.free();
    this.#store.dispose();
  }
}
