/** Consecutive positions in consecutive slots. */
export interface Segment {
  readonly position: number;
  readonly slot: number;
  readonly count: number;
}

/** The sizes of a ring. */
export interface RingSize {
  /** Slots, those of sinks among them. */
  readonly capacity: number;
  /** First positions, which keep their slots. */
  readonly sinks: number;
  /** Positions a query sees beside the sinks, its own included. */
  readonly window: number;
}

/**
 * Which slot of one sequence holds which position: p stands in slot p while it is a sink, else in slot
 * `sinks + (p − sinks) mod size`. Host bookkeeping only.
 */
export class RingSlots {
  readonly #size: RingSize;
  /** Slots that go round. */
  readonly #round: number;
  #length = 0;
  /** Oldest position held in the round slots, never below `sinks`. */
  #first: number;

  constructor(size: RingSize) {
    this.#size = size;
    this.#round = size.capacity - size.sinks;
    this.#first = size.sinks;
  }

  get length(): number {
    return this.#length;
  }

  get sinks(): number {
    return this.#size.sinks;
  }

  get first(): number {
    return this.#first;
  }

  /** Tokens held. */
  get held(): number {
    return Math.min(this.#size.sinks, this.#length) + Math.max(0, this.#length - this.#first);
  }

  /** Slots in use; all of them from where a slot holds another position than its own number. */
  get used(): number {
    return this.isWrapped ? this.#size.capacity : this.#length;
  }

  get isWrapped(): boolean {
    return this.#first > this.#size.sinks;
  }

  /** Oldest position beside the sinks that the next query sees. */
  get oldestSeen(): number {
    const { sinks, window } = this.#size;
    return Math.max(this.#first, sinks, this.#length - window + 1);
  }

  /** Whether as many more tokens overwrite nothing that their own queries see. */
  fits(count: number): boolean {
    return this.#length + count - this.#round <= this.oldestSeen;
  }

  /** Takes in as many more tokens. @returns where those that are kept go, in order */
  grow(count: number): readonly Segment[] {
    const { sinks } = this.#size;
    const start = this.#length;
    const end = start + count;
    const from = Math.max(start, Math.min(end, sinks), end - this.#round);
    this.#length = end;
    this.#first = Math.max(this.#first, end - this.#round);
    return this.segments(from, end, this.segments(start, Math.min(end, sinks)));
  }

  /** Oldest position that a sequence of this length needs; nothing when it is not below the length. */
  needs(length: number): number {
    const { sinks, window } = this.#size;
    return Math.max(sinks, length - window + 1);
  }

  /** Whether going back to a length leaves a whole window, when the round slots hold what begins at `first`. */
  canTrim(length: number, first = this.#first): boolean {
    const needed = this.needs(length);
    return length === this.#length || needed >= length || first <= needed;
  }

  /** Goes back to a length; `first` says since where the round slots are whole. */
  trim(length: number, first = this.#first): void {
    this.#length = length;
    this.#first = Math.min(first, Math.max(this.#size.sinks, length));
  }

  /** The oldest position that the round slots can hold at a length. */
  oldestAt(length: number): number {
    return length - this.#round;
  }

  /** What is held, in order. */
  heldSegments(): Segment[] {
    const sinks = this.segments(0, Math.min(this.#size.sinks, this.#length));
    return this.segments(this.#first, this.#length, sinks);
  }

  /** What the next query sees, in order. */
  seenSegments(): Segment[] {
    const sinks = this.segments(0, Math.min(this.#size.sinks, this.#length));
    return this.segments(this.oldestSeen, this.#length, sinks);
  }

  /** The slots of positions `from … to − 1`, in order, none of them across the end of the ring, after those of `into`. */
  segments(from: number, to: number, into: Segment[] = []): Segment[] {
    const { sinks, capacity } = this.#size;
    for (let position = from; position < to; ) {
      const sink = position < sinks;
      const slot = sink ? position : sinks + ((position - sinks) % this.#round);
      const room = sink ? sinks - position : capacity - slot;
      const count = Math.min(to - position, room);
      into.push({ position, slot, count });
      position += count;
    }
    return into;
  }

  clone(): RingSlots {
    const twin = new RingSlots(this.#size);
    twin.#length = this.#length;
    twin.#first = this.#first;
    return twin;
  }
}
