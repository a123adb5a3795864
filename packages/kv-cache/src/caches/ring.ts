import { type StateView, ValueError } from '@headwise/tensor';
import type { Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import { firstIn } from '../format/bookkeeping.ts';
import { checkFits, hostRows, type Snapshot, sectionsOf } from '../format/snapshot.ts';
import { Indices } from '../indices.ts';
import { RowStore, replaced } from '../row-store.ts';
import { RowsCache } from '../rows-cache.ts';
import { RingChunk } from '../slots/ring-chunk.ts';
import { RingSlots, type Segment } from '../slots/ring-slots.ts';
import { type Move, movesTo, type Placement } from '../tokens.ts';

/**
 * The last W tokens, and the first `sinks` tokens where the layer's spec asks for them: memory stops growing at
 * the window. Position p stands in slot p while it is a sink, else in slot `sinks + (p − sinks) mod C`, in each
 * sequence by its own length.
 *
 * ```text
 * k [B, sinks + C, Hkv, D]    C = capacity − sinks ≥ W; keyPositions say which slot holds which position, −1 for
 * v [B, sinks + C, Hkv, Dv]   none: [1, capacity] while all sequences are equally long, else [B, capacity]
 * ```
 *
 * A token overwrites the one that no later query sees. An append of several tokens would overwrite what its own
 * first queries still see; their view is therefore a copy that holds the last W − 1 older tokens and all new
 * ones, and is freed by the next call that changes the cache. Until then `crop` can take that append back; after
 * it, a capacity above the window is what leaves room to take tokens back: `crop` refuses when the window would
 * have holes.
 *
 * A view of one token always has `keyPositions`. One of several leaves them out while every slot holds the
 * position of its own number, as in the first pieces of a prompt, so that attention reads the band only.
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

/** The ring itself, for caches that are a ring and something more. */
export class RingCache extends RowsCache {
  readonly kind = 'ring';
  readonly #options: CacheOptions;
  #store: RowStore;
  #slots: readonly RingSlots[]; // [B]
  readonly #sinks: number;
  readonly #window: number;
  /** `[1 | B, capacity]` */
  readonly #keys: Indices;
  /** What was written since `#keys` was, by sequence; undefined when all of it is to be said anew. */
  #fresh: readonly (readonly Segment[])[] | undefined;
  #chunk: RingChunk | undefined;

  constructor(options: CacheOptions, from?: RingCache) {
    super('ring', options, ['window'], { keepsFormats: true });
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
    const size = { capacity: this.capacity, sinks, window: this.#window };
    this.#slots = from
      ? from.#slots.map((slots) => slots.clone())
      : Array.from({ length: this.B }, () => new RingSlots(size));
    this.#keys = new Indices(this.device);
    this.#store = from
      ? from.#store.clone()
      : new RowStore(this.device, this.spec.rows, this.B, this.capacity, options.format);
    try {
      this.#keys.reshape([1, this.capacity]);
    } catch (error) {
      this.#store.dispose();
      throw error;
    }
  }

  get held(): number {
    return Math.max(...this.#slots.map(({ held }) => held));
  }

  /** The position in each slot of the present view, `[1 | B, slots]`, −1 for none; slots from `valid` on do not count. */
  get viewPositions(): Int32Array {
    this.view();
    return this.#chunk?.positions ?? this.#keys.host;
  }

  protected put(rows: Rows, placed: Placement): void {
    const { counts } = placed;
    // no token comes, so what the last append wrote over may still be taken back
    if (counts.every((count) => count === 0)) return;
    const inPlace = this.#slots.every((slots, b) => slots.fits(counts[b]!));
    const chunk = inPlace
      ? undefined
      : new RingChunk(this.#store, this.#slots, rows, placed, placed.even && !this.ragged);
    this.#replaceChunk(chunk);
    this.#store.put(rows, this.#grow(placed));
  }

  protected override putSlots(placed: Placement): boolean {
    const { counts } = placed;
    if (!this.#slots.every((slots, b) => slots.fits(counts[b]!)) || this.#chunk) return false;
    if (!this.#store.decodesBySlot) return false;
    return this.#store.putSlots(this.#grow(placed));
  }

  protected override putRows(rows: Rows): void {
    this.#store.putRows(rows);
  }

  /** Takes in the tokens of an append. @returns where their rows go */
  #grow({ pieces, counts }: Placement): readonly (readonly Move[])[] {
    const grown = this.#slots.map((slots, b) => slots.grow(counts[b]!));
    this.#fresh &&= grown;
    return grown.map((segments, b) => movesTo(pieces[b]!, segments));
  }

  protected look(placed: Placement | undefined): StateView {
    this.#markKeys();
    const { keys, chunk } = { keys: this.#keys.tensor, chunk: this.#chunk };
    if (chunk && placed) return this.show(chunk.shown, placed);
    const valid = Math.max(...this.#slots.map(({ used }) => used));
    const inOrder = !this.ragged && !this.#slots[0]!.isWrapped && (placed?.L ?? 1) > 1;
    const keyPositions = inOrder ? undefined : keys;
    return this.show({ rows: this.#store.tensors, valid, keyPositions }, placed);
  }

  protected override checkCut(lengths: readonly number[]): void {
    this.#slots.forEach((slots, b) => {
      const length = lengths[b]!;
      if (slots.canTrim(length) || slots.canTrim(length, this.#oldest(b))) return;
      const shortest = this.#oldest(b) + this.#window - 1;
      const cure = `a capacity of ${this.capacity + shortest - length} would still hold it`;
      throw new ValueError(
        'ring.crop',
        this.B > 1 ? `length of sequence ${b}` : 'length',
        `must be from 0 to ${this.#sinks}, or at least ${shortest}: the window of ${this.#window} before it is overwritten (${cure})`,
        length,
      );
    });
  }

  protected trim(lengths: readonly number[]): void {
    this.#fresh = undefined;
    this.#slots.forEach((slots, b) => {
      const length = lengths[b]!;
      if (slots.canTrim(length)) {
        slots.trim(length);
        return;
      }
      // what the last append wrote over still stands in the copy that was shown
      const first = Math.max(this.#oldest(b), slots.oldestAt(length));
      for (const { position, slot, count } of slots.segments(first, length))
        this.#chunk!.copyBack(this.#store, b, position, slot, count);
      slots.trim(length, first);
    });
    this.#replaceChunk(undefined);
  }

  protected rearrange(order: readonly number[]): void {
    this.#store = replaced(
      this.#store,
      this.#store.take(order, (b) => this.#slots[b]!.used),
    );
    this.#slots = order.map((from) => this.#slots[from]!.clone());
    this.#fresh = undefined;
    this.#replaceChunk(undefined);
  }

  protected copy(): RingCache {
    return new RingCache({ ...this.#options, B: this.B }, this);
  }

  protected measure(): CacheBytes {
    const row = this.#store.rowBytes;
    return {
      used: row * this.#slots.reduce((sum, { held }) => sum + held, 0),
      full: row * this.B * this.capacity,
      device: this.#store.bytes + this.#keys.bytes + this.indexBytes + (this.#chunk?.bytes ?? 0),
    };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const runs = this.#slots.map((slots) =>
      slots.heldSegments().map(({ slot, count }) => ({ start: slot, count })),
    );
    const state = { first: this.#slots.map(({ first }) => first) };
    return { state, sections: sectionsOf(await this.#store.read((b) => runs[b]!)) };
  }

  protected accept(snapshot: Snapshot): () => void {
    const { lengths } = snapshot;
    const first = firstIn(snapshot, { sinks: this.#sinks, window: this.#window });
    checkFits(this, lengths, this.limit);
    const inFile = lengths.map((length, b) => {
      const sinks = Math.min(this.#sinks, length);
      return { sinks, rows: sinks + Math.max(0, length - first[b]!) };
    });
    const host = hostRows(
      snapshot,
      inFile.reduce((sum, { rows }) => sum + rows, 0),
    );
    return () => {
      let before = 0;
      this.#slots.forEach((slots, b) => {
        const { sinks, rows } = inFile[b]!;
        slots.trim(lengths[b]!, Math.max(first[b]!, slots.oldestAt(lengths[b]!)));
        for (const { position, slot, count } of slots.heldSegments()) {
          const from = before + (position < sinks ? position : sinks + position - first[b]!);
          this.#store.fill(host, b, { from, to: slot, count });
        }
        before += rows;
      });
      this.#fresh = undefined;
      this.#replaceChunk(undefined);
    };
  }

  protected override free(): void {
    super.free();
    this.#store.dispose();
    this.#keys.clear();
    this.#replaceChunk(undefined);
  }

  /** Oldest position beside the sinks that sequence b still has, in its slots or in the copy that is shown. */
  #oldest(b: number): number {
    return Math.min(this.#slots[b]!.first, this.#chunk?.oldest[b] ?? Infinity);
  }

  /** Says on the device which slots hold which positions: what is new, or all. */
  #markKeys(): void {
    const shown = this.ragged ? this.B : 1;
    const anew = this.#keys.reshape([shown, this.capacity]) || !this.#fresh;
    for (let b = 0; b < shown; b++) {
      const base = b * this.capacity;
      if (anew) {
        const all = new Int32Array(this.capacity).fill(-1);
        for (const segment of this.#slots[b]!.heldSegments()) all.set(positionsOf(segment), segment.slot);
        this.#keys.write(base, all);
      } else {
        for (const segment of this.#fresh![b] ?? [])
          this.#keys.write(base + segment.slot, positionsOf(segment));
      }
    }
    this.#fresh = [];
  }

  #replaceChunk(chunk: RingChunk | undefined): void {
    this.#chunk?.dispose();
    this.#chunk = chunk;
  }
}

function positionsOf({ position, count }: Segment): Int32Array {
  const positions = new Int32Array(count);
  for (let i = 0; i < count; i++) positions[i] = position + i;
  return positions;
}
