import type { Rows } from '../checks.ts';
import { Indices } from '../indices.ts';
import type { RowStore } from '../row-store.ts';
import type { Shown } from '../rows-cache.ts';
import type { Placement } from '../tokens.ts';
import { OPEN, type SegmentSlots } from './segment-slots.ts';

/** One token that the copy holds, in the order of its slots. */
interface Held {
  readonly position: number;
  readonly anchor: boolean;
  readonly until: number;
}

/**
 * The view of an append whose tokens do not all find slots: a copy of what lives and the new tokens, before the
 * ones that this append closes are let go.
 */
export class AnchorChunk {
  readonly #store: RowStore;
  readonly #keyPositions: Indices; // [B, slots]
  readonly #keyUntil: Indices; // [B, slots]
  /** By sequence, in the order of positions, which is that of slots. */
  readonly #held: readonly (readonly Held[])[];

  /** @param flags by sequence, whether each new token ends a segment */
  constructor(
    from: RowStore,
    sequences: readonly SegmentSlots[],
    rows: Rows,
    { pieces, before }: Placement,
    flags: readonly (readonly boolean[])[],
  ) {
    const living = sequences.map((slots) => slots.livingSlots());
    this.#held = sequences.map((slots, b) => [
      ...living[b]!.map((slot) => ({
        position: slots.positions[slot]!,
        anchor: slots.isAnchor(slot),
        until: slots.untilAfter(slot, before[b]!, flags[b]!),
      })),
      ...flags[b]!.map((anchor, i) => {
        const closing = flags[b]!.indexOf(true, i);
        const until = anchor || closing < 0 ? OPEN : before[b]! + closing;
        return { position: before[b]! + i, anchor, until };
      }),
    ]);
    const slots = Math.max(...this.#held.map((list) => list.length));
    const shape = [from.B, slots];
    this.#keyPositions = new Indices(from.device);
    this.#keyUntil = new Indices(from.device);
    this.#store = from.like(from.B, slots);
    try {
      living.forEach((list, b) => {
        list.forEach((slot, to) => {
          this.#store.copy(from.tensors, { from: slot, to, count: 1, fromB: b, toB: b });
        });
      });
      this.#store.put(
        rows,
        pieces.map((list, b) => {
          const first = living[b]!.length - before[b]!;
          return list.map(({ from: column, position, count }) => ({
            from: column,
            to: first + position,
            count,
          }));
        }),
      );
      this.#keyPositions.set(
        this.#numbers(slots, ({ position }) => position),
        shape,
      );
      this.#keyUntil.set(
        this.#numbers(slots, ({ until }) => until),
        shape,
      );
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get shown(): Shown {
    const { tensors: rows, capacity: valid } = this.#store;
    return { rows, valid, keyPositions: this.#keyPositions.tensor, keyUntil: this.#keyUntil.tensor };
  }

  get bytes(): number {
    return this.#store.bytes + this.#keyPositions.bytes + this.#keyUntil.bytes;
  }

  /** Whether all that lives at a length of sequence b stands in it, and fits into so many slots. */
  holds(b: number, length: number, capacity: number): boolean {
    const living = this.#livingAt(b, length);
    const open = living.filter((i) => !this.#held[b]![i]!.anchor).length;
    const lastAnchor = living.reduce((last, i) => {
      const { anchor, position } = this.#held[b]![i]!;
      return anchor ? Math.max(last, position) : last;
    }, -1);
    return open === length - 1 - lastAnchor && living.length <= capacity;
  }

  /** Gives sequence b its slots back as they were at a length that `holds`. */
  putBack(store: RowStore, slots: SegmentSlots, b: number, length: number): void {
    const living = this.#livingAt(b, length);
    const held = living.map((i) => this.#held[b]![i]!);
    slots.restore(
      held.map(({ position }) => position),
      held.map(({ anchor }) => anchor),
    );
    living.forEach((from, to) => {
      store.copy(this.#store.tensors, { from, to, count: 1, fromB: b, toB: b });
    });
  }

  dispose(): void {
    this.#store.dispose();
    this.#keyPositions.clear();
    this.#keyUntil.clear();
  }

  /** Slots of the anchors before a length and of the tokens after the last of them. */
  #livingAt(b: number, length: number): number[] {
    const held = this.#held[b]!;
    const before = [...held.keys()].filter((i) => held[i]!.position < length);
    const last = before.findLastIndex((i) => held[i]!.anchor);
    return before.filter((i, n) => held[i]!.anchor || n > last);
  }

  #numbers(slots: number, of: (held: Held) => number): Int32Array {
    return Int32Array.from(
      this.#held.flatMap((list) => Array.from({ length: slots }, (_, i) => (list[i] ? of(list[i]) : -1))),
    );
  }
}
