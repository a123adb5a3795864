/** `keyUntil` of a token that no anchor has closed: beyond every position, and exact on every device. */
export const OPEN = 2 ** 24;

/** A token to be written: the n-th of the append into a slot. */
export interface Placed {
  readonly token: number;
  readonly slot: number;
}

/**
 * Which slot of one sequence holds which token, where the tokens of a segment go when its anchor has come. Host
 * bookkeeping only: an append costs its own tokens and those it closes, whatever the capacity.
 */
export class SegmentSlots {
  readonly capacity: number;
  /** Position in each slot, −1 for none. */
  readonly positions: Int32Array;
  /** Last query position that sees each slot. */
  readonly until: Int32Array;
  readonly #anchor: Uint8Array;
  /** Slots of the open segment. */
  #open: number[] = [];
  /** Slots closed by the last append: still seen by its queries, free at the next. */
  #closed: number[] = [];
  /** The smallest last. */
  #free: number[];
  /** Slots whose position or end changed since `takeDirty`. */
  #dirty = new Set<number>();

  constructor(capacity: number) {
    this.capacity = capacity;
    this.positions = new Int32Array(capacity).fill(-1);
    this.until = new Int32Array(capacity).fill(-1);
    this.#anchor = new Uint8Array(capacity);
    this.#free = Array.from({ length: capacity }, (_, i) => capacity - 1 - i);
  }

  /** Tokens that a later query sees. */
  get living(): number {
    return this.capacity - this.#free.length - this.#closed.length;
  }

  /** Tokens that would live after an append with these flags. */
  livingAfter(anchors: readonly boolean[]): number {
    const last = anchors.lastIndexOf(true);
    if (last < 0) return this.living + anchors.length;
    const kept = anchors.filter(Boolean).length + anchors.length - 1 - last;
    return this.living - this.#open.length + kept;
  }

  /** Whether that many tokens find slots beside all that a later query sees. */
  hasRoom(tokens: number): boolean {
    return this.#free.length + this.#closed.length >= tokens;
  }

  /** The slots that a later query sees, by position. */
  livingSlots(): number[] {
    const gone = new Set(this.#closed);
    const slots = [...this.positions.keys()].filter((slot) => this.positions[slot]! >= 0 && !gone.has(slot));
    return slots.sort((a, b) => this.positions[a]! - this.positions[b]!);
  }

  isAnchor(slot: number): boolean {
    return this.#anchor[slot] === 1;
  }

  /** Last position that sees a living slot, when tokens with these flags come at `start`. */
  untilAfter(slot: number, start: number, anchors: readonly boolean[]): number {
    const first = anchors.indexOf(true);
    return this.isAnchor(slot) || first < 0 ? OPEN : start + first;
  }

  /**
   * Takes in the tokens from position `start` on.
   * @param keepAll whether those that do not outlive the append get slots too, for its own queries
   */
  append(start: number, anchors: readonly boolean[], keepAll: boolean): Placed[] {
    // no query comes, so what the last append closed may still be taken back
    if (anchors.length === 0) return [];
    this.#release(this.#closed);
    this.#closed = [];
    const placed: Placed[] = [];
    const last = anchors.lastIndexOf(true);
    if (last >= 0 && !keepAll) {
      this.#release(this.#open);
      this.#open = [];
    }
    anchors.forEach((anchor, token) => {
      const position = start + token;
      if (anchor) this.#close(position);
      if (!keepAll && !anchor && token < last) return;
      const slot = this.#free.pop()!;
      this.#set(slot, position, OPEN);
      this.#anchor[slot] = anchor ? 1 : 0;
      if (!anchor) this.#open.push(slot);
      placed.push({ token, slot });
    });
    return placed;
  }

  /** The first position that is missing from the segment which is open at `length`; undefined when it is whole. */
  missingAt(length: number): number | undefined {
    const held = new Set<number>();
    let lastAnchor = -1;
    this.positions.forEach((position, slot) => {
      if (position < 0 || position >= length) return;
      held.add(position);
      if (this.isAnchor(slot)) lastAnchor = Math.max(lastAnchor, position);
    });
    for (let position = lastAnchor + 1; position < length; position++)
      if (!held.has(position)) return position;
    return undefined;
  }

  /** Takes back the tokens from position `length` on, and opens the segment they had closed. */
  crop(length: number): void {
    let lastAnchor = -1;
    this.positions.forEach((position, slot) => {
      if (position < length && this.isAnchor(slot)) lastAnchor = Math.max(lastAnchor, position);
    });
    this.#open = [];
    this.#closed = [];
    const dead: number[] = [];
    this.positions.forEach((position, slot) => {
      if (position < 0) return;
      if (position >= length) {
        dead.push(slot);
      } else if (!this.isAnchor(slot)) {
        if (position > lastAnchor) {
          this.#set(slot, position, OPEN);
          this.#open.push(slot);
        } else {
          this.#closed.push(slot);
        }
      }
    });
    this.#release(dead);
  }

  clone(): SegmentSlots {
    const twin = new SegmentSlots(this.capacity);
    twin.positions.set(this.positions);
    twin.until.set(this.until);
    twin.#anchor.set(this.#anchor);
    twin.#open = [...this.#open];
    twin.#closed = [...this.#closed];
    twin.#free = [...this.#free];
    return twin;
  }

  /** Starts from living tokens in the slots 0, 1, 2 …, in the order of positions. */
  restore(positions: readonly number[], anchors: readonly boolean[]): void {
    this.#release([...this.positions.keys()].filter((slot) => this.positions[slot]! >= 0));
    this.#free = Array.from({ length: this.capacity }, (_, i) => this.capacity - 1 - i);
    this.#open = [];
    this.#closed = [];
    positions.forEach((position, i) => {
      const slot = this.#free.pop()!;
      this.#set(slot, position, OPEN);
      this.#anchor[slot] = anchors[i] ? 1 : 0;
      if (!anchors[i]) this.#open.push(slot);
    });
  }

  /** The numbers of all slots are to be said anew. */
  touchAll(): void {
    this.#dirty = new Set(this.positions.keys());
  }

  /** Runs of slots whose numbers changed since the last call. */
  takeDirty(): readonly { readonly start: number; readonly count: number }[] {
    const slots = [...this.#dirty].sort((a, b) => a - b);
    this.#dirty.clear();
    const runs: { start: number; count: number }[] = [];
    for (const slot of slots) {
      const run = runs.at(-1);
      if (run && run.start + run.count === slot) run.count++;
      else runs.push({ start: slot, count: 1 });
    }
    return runs;
  }

  #close(position: number): void {
    for (const slot of this.#open) this.#set(slot, this.positions[slot]!, position);
    this.#closed.push(...this.#open);
    this.#open = [];
  }

  #release(slots: readonly number[]): void {
    for (const slot of slots) {
      this.#set(slot, -1, -1);
      this.#anchor[slot] = 0;
      this.#free.push(slot);
    }
  }

  #set(slot: number, position: number, until: number): void {
    this.positions[slot] = position;
    this.until[slot] = until;
    this.#dirty.add(slot);
  }
}
