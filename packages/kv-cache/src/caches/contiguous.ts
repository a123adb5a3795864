import { BaseCache } from '../base.ts';
import { checkRoom, type Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
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
 * nothing grows while decoding; an append that does not fit is refused.
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

class ContiguousCache extends BaseCache {
  readonly kind = 'contiguous';
  readonly #options: CacheOptions;
  readonly #store: RowStore;

  constructor(options: CacheOptions, store?: RowStore) {
    super('contiguous', options, ['full', 'window', 'latent']);
    this.#options = options;
    this.#store = store ?? new RowStore(this.device, this.spec.rows, this.B, this.capacity);
    this.#moveTo(0, 0);
  }

  get held(): number {
    return this.seen;
  }

  protected put(rows: Rows, L: number): void {
    checkRoom('contiguous.append', L, this.seen, this.capacity);
    this.#store.copy(rows, { from: 0, to: this.seen, count: L });
    this.#moveTo(this.seen + L, this.seen);
  }

  protected cut(length: number): void {
    this.#moveTo(length, length);
  }

  protected permute(order: readonly number[]): void {
    this.#store.reorder(order, this.seen);
    this.#moveTo(this.seen, this.seen);
  }

  protected copy(): Cache {
    const twin = new ContiguousCache(this.#options, this.#store.clone());
    twin.#moveTo(this.seen, this.seen);
    return twin;
  }

  protected measure(): CacheBytes {
    const token = 4 * this.B * this.#store.rowElements;
    return { used: token * this.seen, full: token * this.capacity, device: this.#store.bytes };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    return {
      state: {},
      sections: sectionsOf(await this.#store.read(() => [{ start: 0, count: this.seen }])),
    };
  }

  protected take(snapshot: Snapshot): () => void {
    const { length } = snapshot;
    checkFits(this, length, Math.min(this.capacity, this.limit));
    const host = hostRows(snapshot, length);
    return () => {
      for (let b = 0; b < this.B; b++) this.#store.fill(host, b, { from: b * length, to: 0, count: length });
      this.#moveTo(length, length);
    };
  }

  protected free(): void {
    this.#store.dispose();
  }

  #moveTo(length: number, offset: number): void {
    this.seen = length;
    this.current = { rows: this.#store.tensors, valid: length, offset };
  }
}
