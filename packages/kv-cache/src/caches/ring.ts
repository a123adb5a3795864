import { keep, type StateView, type Tensor, tensor, ValueError } from '@headwise/tensor';
import { BaseCache } from '../base.ts';
import type { Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import { firstIn } from '../format/bookkeeping.ts';
import { checkFits, hostRows, type Snapshot, sectionsOf } from '../format/snapshot.ts';
import { RowStore } from '../row-store.ts';

/**
 * The last W tokens, and the first `sinks` tokens where the layer's spec asks for them: memory stops growing at
 * the window. Position p stands in slot p while it is a sink, else in slot `sinks + (p − sinks) mod C`.
 *
 * ```text
 * k [B, sinks + C, Hkv, D]    C = capacity − sinks ≥ W; keyPositions say which slot holds which position
 * v [B, sinks + C, Hkv, Dv]   while nothing is forgotten, slot j holds position j and keyPositions are absent
 * ```
 *
 * A token overwrites the one that no later query sees. An append of several tokens would overwrite what its own
 * first queries still see; their view is therefore a copy that holds the last W − 1 older tokens and all new
 * ones, and is freed by the next call that changes the cache. A capacity above the window leaves room to take
 * tokens back: `crop` refuses when the window would have holes.
 *
 * Mistral's rolling buffer (Jiang et al. 2023), with the sinks of Xiao et al. 2023 at their own positions.
 */
export const ring = defineCache({
  name: 'ring',
  title: 'Ring of the last W tokens',
  summary: 'Holds a sliding window, and sink tokens if the layer has them; memory stops at the window.',
  holds: ['window'],
  fidelity: 'exact',
  paper: { title: 'Mistral 7B', authors: 'Jiang et al.', year: 2023, arxiv: '2310.06825' },
  create: createRing,
});

/**
 * @throws {ValueError} if the window is not finite, or the capacity smaller than it: a sequence that short
 * forgets nothing, and a contiguous cache holds it.
 */
export function createRing(options: CacheOptions): Cache {
  return new RingCache(options);
}

/** Consecutive positions in consecutive slots. */
interface Segment {
  readonly position: number;
  readonly slot: number;
  readonly count: number;
}

/** A view that is a copy, freed when it is replaced. */
interface Chunk {
  readonly store: RowStore;
  readonly positions: Int32Array;
  readonly keyPositions?: Tensor<'B Lk', 'i32'>;
}

/** The ring itself, for caches that are a ring and something more. */
export class RingCache extends BaseCache {
  readonly kind = 'ring';
  readonly #options: CacheOptions;
  readonly #store: RowStore;
  readonly #sinks: number;
  readonly #window: number;
  /** Slots that go round. */
  readonly #size: number;
  /** Oldest position held in the round slots, never below `sinks`. */
  #first: number;
  readonly #positions: Int32Array; // [slots]
  readonly #keyPositions: Tensor<'B Lk', 'i32'>; // [1, slots]
  #chunk: Chunk | undefined;

  constructor(options: CacheOptions, store?: RowStore) {
    super('ring', options, ['window'], true);
    const { cap, sinks = 0 } = this.spec;
    if (!Number.isInteger(cap) || cap <= sinks) {
      throw new ValueError('ring', 'spec.cap', `must be a whole number above its ${sinks} sinks`, cap);
    }
    if (this.capacity < cap) {
      const rule = `must be at least ${cap}, the tokens the window keeps (a contiguous cache holds fewer)`;
      throw new ValueError('ring', 'capacity', rule, this.capacity);
    }
    this.#options = options;
    this.#sinks = sinks;
    this.#window = cap - sinks;
    this.#size = this.capacity - sinks;
    this.#first = sinks;
    this.#store = store ?? new RowStore(this.device, this.spec.rows, this.B, this.capacity, options.format);
    this.#positions = Int32Array.from({ length: this.capacity }, (_, slot) => slot);
    this.#keyPositions = keep(tensor<'B Lk'>(this.device, this.#positions, [1, this.capacity]));
    this.current = this.#look(0);
  }

  get held(): number {
    return Math.min(this.#sinks, this.seen) + Math.max(0, this.seen - this.#first);
  }

  /** The position in each slot of the present view, −1 for none; slots from `valid` on do not count. */
  get viewPositions(): Int32Array {
    return this.#chunk?.positions ?? this.#positions;
  }

  protected put(rows: Rows, L: number): void {
    const start = this.seen;
    const end = start + L;
    const oldestSeen = Math.max(this.#first, this.#sinks, start - this.#window + 1);
    const inPlace = end - this.#size <= oldestSeen;
    const chunk = inPlace ? undefined : this.#copyChunk(rows, L, oldestSeen);
    const from = Math.max(start, Math.min(end, this.#sinks), end - this.#size);
    for (const segment of [
      ...this.#segments(start, Math.min(end, this.#sinks)),
      ...this.#segments(from, end),
    ]) {
      this.#store.copy(rows, { from: segment.position - start, to: segment.slot, count: segment.count });
      this.#place(segment);
    }
    this.seen = end;
    this.#first = Math.max(this.#first, end - this.#size);
    this.#show(start, chunk);
  }

  protected override checkCut(length: number): void {
    const needed = Math.max(this.#sinks, length - this.#window + 1);
    if (length === this.seen || needed >= length || this.#first <= needed) return;
    const shortest = this.#first + this.#window - 1;
    const cure = `a capacity of ${this.capacity + shortest - length} would still hold it`;
    throw new ValueError(
      'ring.crop',
      'length',
      `must be from 0 to ${Math.max(this.#sinks, 0)}, or at least ${shortest}: the window of ${this.#window} before it is overwritten (${cure})`,
      length,
    );
  }

  protected cut(length: number): void {
    this.seen = length;
    this.#first = Math.min(this.#first, Math.max(this.#sinks, length));
    this.#replace();
    this.#show(length);
  }

  protected permute(order: readonly number[]): void {
    this.#store.reorder(order, this.#wrapped ? this.capacity : this.seen);
    this.#show(this.seen);
  }

  protected copy(): Cache {
    const twin = new RingCache(this.#options, this.#store.clone());
    twin.seen = this.seen;
    twin.#first = this.#first;
    twin.#replace();
    twin.#show(this.seen);
    return twin;
  }

  protected measure(): CacheBytes {
    const token = this.B * this.#store.rowBytes;
    const chunk = this.#chunk ? this.#chunk.store.bytes + 4 * (this.#chunk.keyPositions?.size ?? 0) : 0;
    return {
      used: token * this.held,
      full: token * this.capacity,
      device: this.#store.bytes + 4 * this.capacity + chunk,
    };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const runs = [
      ...this.#segments(0, Math.min(this.#sinks, this.seen)),
      ...this.#segments(this.#first, this.seen),
    ].map(({ slot, count }) => ({ start: slot, count }));
    const state = { first: this.#first };
    return { state, sections: sectionsOf(await this.#store.read(() => runs)) };
  }

  protected take(snapshot: Snapshot): () => void {
    const { length } = snapshot;
    checkFits(this, length, this.limit);
    const first = firstIn(snapshot, { sinks: this.#sinks, window: this.#window });
    const sinks = Math.min(this.#sinks, length);
    const inFile = sinks + Math.max(0, length - first);
    const host = hostRows(snapshot, inFile);
    return () => {
      this.seen = length;
      this.#first = Math.max(first, length - this.#size);
      for (const { position, slot, count } of [
        ...this.#segments(0, sinks),
        ...this.#segments(this.#first, length),
      ]) {
        const from = position < sinks ? position : sinks + position - first;
        for (let b = 0; b < this.B; b++)
          this.#store.fill(host, b, { from: b * inFile + from, to: slot, count });
      }
      this.#replace();
      this.#show(length);
    };
  }

  protected free(): void {
    this.#store.dispose();
    this.#keyPositions.dispose();
    this.#dropChunk();
  }

  /** Whether a slot holds another position than its own number. */
  get #wrapped(): boolean {
    return this.#first > this.#sinks;
  }

  #show(offset: number, chunk?: { readonly view: StateView; readonly owned: Chunk }): void {
    this.#dropChunk();
    this.#chunk = chunk?.owned;
    this.current = chunk?.view ?? this.#look(offset);
  }

  #look(offset: number): StateView {
    const rows = this.#store.tensors;
    if (!this.#wrapped) return { rows, valid: this.seen, offset };
    return { rows, valid: this.capacity, offset, keyPositions: this.#keyPositions };
  }

  /** Sinks, older tokens from `oldest` on, and the new ones, before the new ones overwrite anything. */
  #copyChunk(rows: Rows, L: number, oldest: number): { readonly view: StateView; readonly owned: Chunk } {
    const start = this.seen;
    const older = [
      ...this.#segments(0, Math.min(this.#sinks, start)),
      ...this.#segments(Math.min(oldest, start), start),
    ];
    const slots = older.reduce((sum, { count }) => sum + count, L);
    const store = this.#store.like(this.B, slots);
    const positions = new Int32Array(slots);
    let to = 0;
    for (const { position, slot, count } of older) {
      store.copy(this.#store.tensors, { from: slot, to, count });
      for (let i = 0; i < count; i++) positions[to + i] = position + i;
      to += count;
    }
    store.copy(rows, { from: 0, to, count: L });
    for (let i = 0; i < L; i++) positions[to + i] = start + i;
    const view = { rows: store.tensors, valid: slots, offset: start };
    // a prompt's first piece stands in order: said by leaving positions out, so that attention reads only the band
    if (positions.every((position, slot) => position === slot)) return { owned: { store, positions }, view };
    const keyPositions = keep(tensor<'B Lk'>(this.device, positions, [1, slots]));
    return { owned: { store, positions, keyPositions }, view: { ...view, keyPositions } };
  }

  /** The slots of positions `from … to − 1`, in order, none of them across the end of the ring. */
  #segments(from: number, to: number): Segment[] {
    const segments: Segment[] = [];
    for (let position = from; position < to; ) {
      const sink = position < this.#sinks;
      const slot = sink ? position : this.#sinks + ((position - this.#sinks) % this.#size);
      const room = sink ? this.#sinks - position : this.capacity - slot;
      const count = Math.min(to - position, room);
      segments.push({ position, slot, count });
      position += count;
    }
    return segments;
  }

  /** Notes which positions the slots of a segment hold, on the device only where they change. */
  #place({ position, slot, count }: Segment): void {
    let changed = false;
    for (let i = 0; i < count; i++) {
      if (this.#positions[slot + i] === position + i) continue;
      this.#positions[slot + i] = position + i;
      changed = true;
    }
    // a device may convert the whole of what it is given, so it is given no more than it needs
    if (changed) this.#keyPositions.write(slot, this.#positions.slice(slot, slot + count));
  }

  /** Notes anew what every slot holds, −1 for none. */
  #replace(): void {
    if (this.#wrapped) this.#positions.fill(-1);
    else for (let slot = 0; slot < this.capacity; slot++) this.#positions[slot] = slot;
    for (const { position, slot, count } of [
      ...this.#segments(0, Math.min(this.#sinks, this.seen)),
      ...this.#segments(this.#first, this.seen),
    ]) {
      for (let i = 0; i < count; i++) this.#positions[slot + i] = position + i;
    }
    this.#keyPositions.write(0, this.#positions);
  }

  #dropChunk(): void {
    this.#chunk?.store.dispose();
    this.#chunk?.keyPositions?.dispose();
    this.#chunk = undefined;
  }
}
