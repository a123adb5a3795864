import { keep, sizeOf, tensor, ValueError } from '@headwise/tensor';
import { BaseCache } from '../base.ts';
import type { IndexTensor, Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import { livingIn } from '../format/bookkeeping.ts';
import { checkFits, floats, type Snapshot, sectionsOf } from '../format/snapshot.ts';
import { RowStore, type Run } from '../row-store.ts';
import { OPEN, type Placed, SegmentSlots } from '../slots/segment-slots.ts';

/**
 * Anchor attention (AnLLM): a segment of text is pressed into its last token, the anchor. When an anchor is
 * appended, the other tokens of its segment are seen for the last time and their slots become free.
 *
 * ```text
 * tokens     a b c ⚓ d e ⚓ f g          held after g: ⚓ ⚓ f g
 * seen by g  · · · ⚓ · · ⚓ f g          its own segment, and the anchors of earlier ones
 * k [B, capacity, Hkv, D]   keyPositions [B, capacity]: which position a slot holds, −1 for none
 * v [B, capacity, Hkv, Dv]  keyUntil [B, capacity]: the anchor that closes a token's segment sees it last
 * ```
 *
 * The cache asks `isAnchor` about tokens as they come, so the decode loop answers from the ids it holds.
 * Sequences may be cut differently. Positions stay those of the text. An append that has several segments is
 * shown through a copy where the slots do not hold it all at once; it is refused when what would remain does not
 * fit. `crop` goes back to where the open segment is still held.
 *
 * Pang et al. 2024, "Anchor-based Large Language Models", section 3.
 */
export const anchorEvicting = defineCache({
  name: 'anchor-evicting',
  title: 'Anchors and the open segment (AnLLM)',
  summary:
    'Frees the tokens of a finished segment and keeps its anchor; shrinks by the length of the segments.',
  holds: ['full'],
  fidelity: 'exact',
  paper: {
    title: 'Anchor-based Large Language Models',
    authors: 'Pang et al.',
    year: 2024,
    arxiv: '2402.07616',
  },
  create: createAnchorEvicting,
});

/** What an anchor-evicting cache is made from. */
export interface AnchorEvictingOptions extends CacheOptions {
  /** Whether the token at this position of sequence b ends a segment; asked as tokens come, of one more than once. */
  readonly isAnchor: (b: number, position: number) => boolean;
}

/** @throws {ValueError} if `isAnchor` is missing, or B or the capacity is not a whole number ≥ 1. */
export function createAnchorEvicting(options: AnchorEvictingOptions): Cache {
  return new AnchorEvictingCache(options);
}

class AnchorEvictingCache extends BaseCache {
  readonly kind = 'anchor-evicting';
  readonly #options: AnchorEvictingOptions;
  readonly #store: RowStore;
  readonly #keyPositions: IndexTensor; // [B, capacity]
  readonly #keyUntil: IndexTensor; // [B, capacity]
  #slots: SegmentSlots[]; // [B]
  #chunk: Chunk | undefined;

  constructor(options: AnchorEvictingOptions, store?: RowStore) {
    super('anchor-evicting', options, ['full'], true);
    if (typeof options.isAnchor !== 'function') {
      throw new ValueError(
        'anchor-evicting',
        'isAnchor',
        'must be a function of b and position',
        options.isAnchor,
      );
    }
    this.#options = options;
    this.#store = store ?? new RowStore(this.device, this.spec.rows, this.B, this.capacity, options.format);
    const none = new Int32Array(this.B * this.capacity).fill(-1);
    this.#keyPositions = keep(tensor(this.device, none, [this.B, this.capacity]));
    this.#keyUntil = keep(tensor(this.device, none, [this.B, this.capacity]));
    this.#slots = Array.from({ length: this.B }, () => new SegmentSlots(this.capacity));
    this.#look(0);
  }

  /** Of the sequence that holds most. */
  get held(): number {
    return Math.max(...this.#slots.map(({ living }) => living));
  }

  protected override checkPut(L: number): void {
    const flags = this.#flags(L);
    const most = Math.max(...this.#slots.map((slots, b) => slots.livingAfter(flags[b]!)));
    if (most > this.capacity) {
      const rule = `must leave at most ${this.capacity} anchors and tokens of the open segment, it would leave ${most} (crop or reset the cache, or create it larger)`;
      throw new ValueError('anchor-evicting.append', 'L', rule, L);
    }
  }

  protected put(rows: Rows, L: number): void {
    const start = this.seen;
    const flags = this.#flags(L);
    const inPlace = this.#slots.every((slots) => slots.hasRoom(L));
    const chunk = inPlace ? undefined : this.#copyChunk(rows, L, flags);
    this.#slots.forEach((slots, b) => {
      for (const { from, to, count } of runsOf(slots.append(start, flags[b]!, inPlace))) {
        this.#store.copy(rows, { from, to, count, fromB: b, toB: b });
      }
    });
    this.seen = start + L;
    this.#look(start, chunk);
  }

  /** Which of the next L tokens of each sequence are anchors. */
  #flags(L: number): boolean[][] {
    return this.#slots.map((_, b) =>
      Array.from({ length: L }, (_, i) => this.#options.isAnchor(b, this.seen + i) === true),
    );
  }

  protected override checkCut(length: number): void {
    this.#slots.forEach((slots, b) => {
      const missing = slots.missingAt(length);
      if (missing === undefined) return;
      const rule = `must not reach into a closed segment: sequence ${b} no longer holds the token at ${missing}`;
      throw new ValueError('anchor-evicting.crop', 'length', rule, length);
    });
  }

  protected cut(length: number): void {
    for (const slots of this.#slots) slots.crop(length);
    this.seen = length;
    this.#look(length);
  }

  protected permute(order: readonly number[]): void {
    this.#store.reorder(order, this.capacity);
    this.#slots = order.map((from) => this.#slots[from]!.clone());
    this.#indexAll();
    this.#look(this.seen);
  }

  protected copy(): Cache {
    const twin = new AnchorEvictingCache(this.#options, this.#store.clone());
    twin.#slots = this.#slots.map((slots) => slots.clone());
    twin.seen = this.seen;
    twin.#indexAll();
    twin.#look(this.seen);
    return twin;
  }

  protected measure(): CacheBytes {
    const row = this.#store.rowBytes;
    const living = this.#slots.reduce((sum, slots) => sum + slots.living, 0);
    const chunk = this.#chunk ? this.#chunk.store.bytes + 8 * this.#chunk.keyUntil.size : 0;
    return {
      used: row * living,
      full: row * this.B * this.capacity,
      device: this.#store.bytes + 8 * this.B * this.capacity + chunk,
    };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const living = this.#slots.map((slots) => slots.livingSlots());
    const state = {
      positions: living.map((list, b) => list.map((slot) => this.#slots[b]!.positions[slot])),
      anchors: living.map((list, b) => list.map((slot) => this.#slots[b]!.isAnchor(slot))),
    };
    const read = this.#store.read((b) => living[b]!.map((start) => ({ start, count: 1 })));
    return { state, sections: sectionsOf(await read) };
  }

  protected take(snapshot: Snapshot): () => void {
    const { length, spec } = snapshot;
    const { positions, anchors } = livingIn(snapshot);
    checkFits(this, length, this.limit);
    checkFits(this, Math.max(...positions.map((list) => list.length)), this.capacity);
    const total = positions.flat().length;
    const host = Object.fromEntries(
      Object.entries(spec.rows).map(([name, row]) => [name, floats(snapshot, name, total * sizeOf(row))]),
    );
    return () => {
      let from = 0;
      this.#slots.forEach((slots, b) => {
        const count = positions[b]!.length;
        slots.restore(positions[b]!, anchors[b]!);
        this.#store.fill(host, b, { from, to: 0, count });
        from += count;
      });
      this.seen = length;
      this.#look(length);
    };
  }

  protected free(): void {
    this.#store.dispose();
    this.#keyPositions.dispose();
    this.#keyUntil.dispose();
    this.#dropChunk();
  }

  /** What lives and the new tokens, before the ones that this append closes are let go. */
  #copyChunk(rows: Rows, L: number, flags: readonly (readonly boolean[])[]): Chunk {
    const start = this.seen;
    const living = this.#slots.map((slots) => slots.livingSlots());
    const valid = L + Math.max(...living.map((list) => list.length));
    const store = this.#store.like(this.B, valid);
    const positions = new Int32Array(this.B * valid).fill(-1);
    const until = new Int32Array(this.B * valid).fill(-1);
    living.forEach((list, b) => {
      const slots = this.#slots[b]!;
      list.forEach((from, to) => {
        store.copy(this.#store.tensors, { from, to, count: 1, fromB: b, toB: b });
        positions[b * valid + to] = slots.positions[from]!;
        until[b * valid + to] = slots.untilAfter(from, start, flags[b]!);
      });
      store.copy(rows, { from: 0, to: list.length, count: L, fromB: b, toB: b });
      flags[b]!.forEach((anchor, i) => {
        const closing = flags[b]!.indexOf(true, i);
        positions[b * valid + list.length + i] = start + i;
        until[b * valid + list.length + i] = anchor || closing < 0 ? OPEN : start + closing;
      });
    });
    const shape = [this.B, valid];
    return {
      store,
      keyPositions: keep(tensor(this.device, positions, shape)),
      keyUntil: keep(tensor(this.device, until, shape)),
    };
  }

  #look(offset: number, chunk?: Chunk): void {
    this.#slots.forEach((slots, b) => {
      for (const run of slots.takeDirty()) this.#index(slots, b, run);
    });
    this.#dropChunk();
    this.#chunk = chunk;
    const { keyPositions, keyUntil } = chunk ?? {
      keyPositions: this.#keyPositions,
      keyUntil: this.#keyUntil,
    };
    const { tensors: rows, capacity: valid } = chunk?.store ?? this.#store;
    this.current = { rows, valid, offset, keyPositions, keyUntil };
  }

  #indexAll(): void {
    this.#slots.forEach((slots, b) => {
      slots.takeDirty();
      this.#index(slots, b, { start: 0, count: this.capacity });
    });
  }

  #index({ positions, until }: SegmentSlots, b: number, { start, count }: Run): void {
    const target = b * this.capacity + start;
    this.#keyPositions.write(target, positions.slice(start, start + count));
    this.#keyUntil.write(target, until.slice(start, start + count));
  }

  #dropChunk(): void {
    this.#chunk?.store.dispose();
    this.#chunk?.keyPositions.dispose();
    this.#chunk?.keyUntil.dispose();
    this.#chunk = undefined;
  }
}

/** A view that is a copy, freed when it is replaced. */
interface Chunk {
  readonly store: RowStore;
  readonly keyPositions: IndexTensor;
  readonly keyUntil: IndexTensor;
}

/** Neighbouring tokens in neighbouring slots, as one copy. */
function runsOf(placed: readonly Placed[]): { from: number; to: number; count: number }[] {
  const runs: { from: number; to: number; count: number }[] = [];
  for (const { token, slot } of placed) {
    const run = runs.at(-1);
    if (run && run.from + run.count === token && run.to + run.count === slot) run.count++;
    else runs.push({ from: token, to: slot, count: 1 });
  }
  return runs;
}
