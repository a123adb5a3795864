import type { Rows } from '../checks.ts';
import { Indices } from '../indices.ts';
import type { RowStore } from '../row-store.ts';
import type { Shown } from '../rows-cache.ts';
import type { Placement } from '../tokens.ts';
import type { RingSlots } from './ring-slots.ts';

/**
 * The view of an append that would overwrite what its own queries see: a copy of the sinks, the older tokens that
 * its first query sees, and the new ones, in order, made before the ring takes them.
 */
export class RingChunk {
  /** By sequence, the oldest position beside the sinks. */
  readonly oldest: readonly number[];
  /** The position in each slot, `[1 | B, slots]`, −1 for none. */
  readonly positions: Int32Array;
  readonly #store: RowStore;
  readonly #keys: Indices;
  /** Sinks that stand before the oldest, where a sequence is longer than they are. */
  readonly #sinks: number;
  readonly #even: boolean;

  /** @param even whether all sequences are at one position, which is then said once */
  constructor(
    ring: RowStore,
    sequences: readonly RingSlots[],
    rows: Rows,
    { pieces, counts }: Placement,
    even: boolean,
  ) {
    const older = sequences.map((slots) => slots.seenSegments());
    const seen = older.map((list) => list.reduce((sum, { count }) => sum + count, 0));
    const slots = Math.max(...seen.map((count, b) => count + counts[b]!));
    this.#even = even;
    this.#sinks = sequences[0]!.sinks;
    this.oldest = sequences.map(({ oldestSeen }) => oldestSeen);
    this.positions = new Int32Array((even ? 1 : ring.B) * slots).fill(-1);
    this.#keys = new Indices(ring.device);
    this.#store = ring.like(ring.B, slots);
    try {
      older.forEach((list, b) => {
        let to = 0;
        for (const { position, slot, count } of list) {
          this.#store.copy(ring.tensors, { from: slot, to, count, fromB: b, toB: b });
          this.#say(b, to, position, count);
          to += count;
        }
        for (const { position, count } of pieces[b]!) {
          this.#say(b, to, position, count);
          to += count;
        }
      });
      this.#store.put(
        rows,
        pieces.map((list, b) => {
          let to = seen[b]!;
          return list.map(({ from, count }) => ({ from, to: (to += count) - count, count }));
        }),
      );
      // a prompt's first piece stands in order: said by leaving positions out, so that attention reads only the band
      if (!even || this.positions.some((position, slot) => position !== slot))
        this.#keys.set(this.positions, [even ? 1 : ring.B, slots]);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get shown(): Shown {
    const { tensors: rows, capacity: valid } = this.#store;
    return { rows, valid, ...(this.#keys.bytes > 0 && { keyPositions: this.#keys.tensor }) };
  }

  get bytes(): number {
    return this.#store.bytes + this.#keys.bytes;
  }

  /** Copies positions of sequence b, none of them a sink, back into a slot of the ring. */
  copyBack(ring: RowStore, b: number, position: number, slot: number, count: number): void {
    const from = this.#sinks + position - this.oldest[b]!;
    ring.copy(this.#store.tensors, { from, to: slot, count, fromB: b, toB: b });
  }

  dispose(): void {
    this.#store.dispose();
    this.#keys.clear();
  }

  #say(b: number, slot: number, position: number, count: number): void {
    if (this.#even && b > 0) return;
    const { capacity } = this.#store;
    for (let i = 0; i < count; i++) this.positions[b * capacity + slot + i] = position + i;
  }
}
