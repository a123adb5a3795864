import type { Heap } from './heap.ts';

interface Block {
  readonly address: number;
  readonly bytes: number;
  /** Somebody holds it: a buffer that is not freed, or an operation that has not ended. */
  live: boolean;
}

/**
 * Memory of the results on the way of a recorded step. What is freed is taken again by what comes later in the same step,
 * so that the whole is as large as what lives at one time; nobody else gets it until the recording ends. Each block is a
 * piece of the heap of its own, and may outlive the arena.
 */
export class Arena {
  readonly #heap: Heap;
  readonly #blocks = new Map<number, Block>();
  readonly #free: Block[] = [];
  #ended = false;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** @param own whether nothing else of the step may lie there before or afterwards */
  allocate(bytes: number, own = false): number {
    const free = own ? -1 : this.#smallest(bytes);
    if (free >= 0) {
      const [block] = this.#free.splice(free, 1) as [Block];
      block.live = true;
      return block.address;
    }
    const block = { address: this.#heap.allocate(bytes), bytes, live: true };
    this.#blocks.set(block.address, block);
    return block.address;
  }

  has(address: number): boolean {
    return this.#blocks.has(address);
  }

  /** Somebody holds a block again, in the order in which it was allocated at first. */
  hold(address: number): void {
    this.#blocks.get(address)!.live = true;
  }

  /** @param reusable whether what comes later in the step may lie there */
  release(address: number, reusable: boolean): void {
    const block = this.#blocks.get(address);
    if (!block) return;
    block.live = false;
    if (this.#ended) this.#drop(block);
    else if (reusable) this.#free.push(block);
  }

  /** A block belongs to somebody else from now on, who frees it. */
  disown(address: number): void {
    this.#blocks.delete(address);
  }

  /** Bytes of a block, which may be more than what lies there now. */
  bytesOf(address: number): number {
    return this.#blocks.get(address)!.bytes;
  }

  isLive(address: number): boolean {
    return this.#blocks.get(address)?.live === true;
  }

  /** Addresses that are held. */
  get live(): readonly number[] {
    return [...this.#blocks.values()].filter(({ live }) => live).map(({ address }) => address);
  }

  /** Gives back what nobody holds; the rest goes when it is released. */
  end(): void {
    this.#ended = true;
    for (const block of [...this.#blocks.values()]) if (!block.live) this.#drop(block);
  }

  #drop({ address }: Block): void {
    this.#blocks.delete(address);
    this.#heap.free(address);
  }

  #smallest(bytes: number): number {
    let best = -1;
    for (const [n, block] of this.#free.entries())
      if (block.bytes >= bytes && (best < 0 || block.bytes < this.#free[best]!.bytes)) best = n;
    return best;
  }
}
