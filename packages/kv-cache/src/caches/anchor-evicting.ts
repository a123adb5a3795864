import { type StateView, sizeOf, ValueError } from '@headwise/tensor';
import type { Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import { livingIn } from '../format/bookkeeping.ts';
import { checkFits, floats, type Snapshot, sectionsOf } from '../format/snapshot.ts';
import { Indices } from '../indices.ts';
import { RowStore, replaced } from '../row-store.ts';
import { RowsCache } from '../rows-cache.ts';
import { AnchorChunk } from '../slots/anchor-chunk.ts';
import { SegmentSlots } from '../slots/segment-slots.ts';
import { type Move, movesTo, type Placement } from '../tokens.ts';

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
 * The cache asks `isAnchor` about each token as it comes, so the decode loop answers from the ids it holds.
 * Sequences may be cut differently. Positions stay those of the text. An append that has several segments is
 * shown through a copy where the slots do not hold it all at once; it is refused when what would remain does not
 * fit. `crop` goes back to where the open segment is still held, in the slots or in that copy.
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
  /**
   * Whether the token at this position of sequence b ends a segment. Asked when tokens are checked and again when they
   * are taken, so it must give the same answer.
   */
  readonly isAnchor: (b: number, position: number) => boolean;
}

/** @throws {ValueError} if `isAnchor` is missing, or B or the capacity is not a whole number ≥ 1. */
export function createAnchorEvicting(options: AnchorEvictingOptions): Cache {
  return new AnchorEvictingCache(options);
}

class AnchorEvictingCache extends RowsCache {
  readonly kind = 'anchor-evicting';
  readonly #options: AnchorEvictingOptions;
  #store: RowStore;
  readonly #keyPositions: Indices; // [B, capacity]
  readonly #keyUntil: Indices; // [B, capacity]
  #slots: readonly SegmentSlots[]; // [B]
  #chunk: AnchorChunk | undefined;

  constructor(options: AnchorEvictingOptions, from?: AnchorEvictingCache) {
    super('anchor-evicting', options, ['full'], { keepsFormats: true });
    if (typeof options.isAnchor !== 'function') {
      throw new ValueError(
        'anchor-evicting',
        'isAnchor',
        'must be a function of b and position',
        options.isAnchor,
      );
    }
    this.#options = options;
    this.#store = from
      ? from.#store.clone()
      : new RowStore(this.device, this.spec.rows, this.B, this.capacity, options.format);
    this.#keyPositions = new Indices(this.device);
    this.#keyUntil = new Indices(this.device);
    this.#slots = from
      ? from.#slots.map((slots) => slots.clone())
      : Array.from({ length: this.B }, () => new SegmentSlots(this.capacity));
  }

  /** Of the sequence that holds most. */
  get held(): number {
    return Math.max(...this.#slots.map(({ living }) => living));
  }

  protected override checkPut(placed: Placement): void {
    const flags = this.#flags(placed);
    const living = this.#slots.map((slots, b) => slots.livingAfter(flags[b]!));
    const b = living.findIndex((most) => most > this.capacity);
    if (b < 0) return;
    const rule = `must leave at most ${this.capacity} anchors and tokens of the open segment, it would leave ${living[b]} (crop or reset the cache, or create it larger)`;
    throw new ValueError('anchor-evicting.append', 'L', rule, placed.counts[b]);
  }

  protected put(rows: Rows, placed: Placement): void {
    const { pieces, before, counts } = placed;
    // no token comes, so what the last append closed may still be taken back
    if (counts.every((count) => count === 0)) return;
    const flags = this.#flags(placed);
    const inPlace = this.#slots.every((slots, b) => slots.hasRoom(flags[b]!.length));
    const chunk = inPlace ? undefined : new AnchorChunk(this.#store, this.#slots, rows, placed, flags);
    this.#replaceChunk(chunk);
    const moves = this.#slots.map((slots, b) => {
      const start = before[b]!;
      const taken = slots.append(start, flags[b]!, inPlace);
      return movesTo(
        pieces[b]!,
        taken.map(({ token, slot }) => ({ position: start + token, slot, count: 1 })),
      );
    });
    this.#store.put(rows, moves.map(joined));
  }

  protected look(placed: Placement | undefined): StateView {
    const shape = [this.B, this.capacity];
    const anew = [this.#keyPositions.reshape(shape), this.#keyUntil.reshape(shape)].includes(true);
    this.#slots.forEach((slots, b) => {
      const dirty = slots.takeDirty();
      for (const { start, count } of anew ? [{ start: 0, count: this.capacity }] : dirty) {
        this.#keyPositions.write(b * this.capacity + start, slots.positions.slice(start, start + count));
        this.#keyUntil.write(b * this.capacity + start, slots.until.slice(start, start + count));
      }
    });
    if (this.#chunk && placed) return this.show(this.#chunk.shown, placed);
    const { tensor: keyPositions } = this.#keyPositions;
    const { tensor: keyUntil } = this.#keyUntil;
    return this.show({ rows: this.#store.tensors, valid: this.capacity, keyPositions, keyUntil }, placed);
  }

  protected override checkCut(lengths: readonly number[]): void {
    this.#slots.forEach((slots, b) => {
      const missing = slots.missingAt(lengths[b]!);
      if (missing === undefined || this.#chunk?.holds(b, lengths[b]!, this.capacity)) return;
      const rule = `must not reach into a closed segment: sequence ${b} no longer holds the token at ${missing}`;
      throw new ValueError('anchor-evicting.crop', 'length', rule, lengths[b]);
    });
  }

  protected trim(lengths: readonly number[]): void {
    this.#slots.forEach((slots, b) => {
      if (slots.missingAt(lengths[b]!) === undefined) slots.crop(lengths[b]!);
      else this.#chunk?.putBack(this.#store, slots, b, lengths[b]!);
      // an append that failed may have said some of its numbers
      slots.touchAll();
    });
    this.#replaceChunk(undefined);
  }

  protected rearrange(order: readonly number[]): void {
    this.#store = replaced(
      this.#store,
      this.#store.take(order, () => this.capacity),
    );
    this.#slots = order.map((from) => this.#slots[from]!.clone());
    for (const slots of this.#slots) slots.touchAll();
    this.#replaceChunk(undefined);
  }

  protected copy(): AnchorEvictingCache {
    return new AnchorEvictingCache({ ...this.#options, B: this.B }, this);
  }

  protected measure(): CacheBytes {
    const row = this.#store.rowBytes;
    const living = this.#slots.reduce((sum, slots) => sum + slots.living, 0);
    const own = this.indexBytes + this.#keyPositions.bytes + this.#keyUntil.bytes;
    return {
      used: row * living,
      full: row * this.B * this.capacity,
      device: this.#store.bytes + own + (this.#chunk?.bytes ?? 0),
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

  protected accept(snapshot: Snapshot): () => void {
    const { lengths, spec } = snapshot;
    const { positions, anchors } = livingIn(snapshot);
    checkFits(this, lengths, this.limit);
    checkFits(
      this,
      positions.map((list) => list.length),
      this.capacity,
    );
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
      this.#replaceChunk(undefined);
    };
  }

  protected override free(): void {
    super.free();
    this.#store.dispose();
    this.#keyPositions.clear();
    this.#keyUntil.clear();
    this.#replaceChunk(undefined);
  }

  /** Whether each new token of each sequence ends a segment. */
  #flags({ before, counts }: Placement): boolean[][] {
    return counts.map((count, b) =>
      Array.from({ length: count }, (_, i) => this.#options.isAnchor(b, before[b]! + i) === true),
    );
  }

  #replaceChunk(chunk: AnchorChunk | undefined): void {
    this.#chunk?.dispose();
    this.#chunk = chunk;
  }
}

/** Neighbouring columns in neighbouring slots, as one move. */
function joined(moves: readonly Move[]): Move[] {
  const runs: { from: number; to: number; count: number }[] = [];
  for (const { from, to, count } of moves) {
    const run = runs.at(-1);
    if (run && run.from + run.count === from && run.to + run.count === to) run.count += count;
    else runs.push({ from, to, count });
  }
  return runs;
}
