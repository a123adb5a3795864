const FIRST = 256;

/**
 * Sizes of the pieces of a heap by their addresses, none of which is 0. In two arrays and not in a Map: of a Map in which
 * much comes and goes V8 keeps every table that it has outgrown until the next full collection.
 *
 * Open addressing: an address lies at the place of its hash, or behind it without a gap.
 */
export class Sizes {
  #addresses = new Uint32Array(FIRST);
  #sizes = new Uint32Array(FIRST);
  #count = 0;

  /** Undefined where there is none. */
  get(address: number): number | undefined {
    const at = this.#find(address);
    return this.#addresses[at] === 0 ? undefined : this.#sizes[at];
  }

  /** An address that is not there yet. */
  set(address: number, size: number): void {
    if (2 * this.#count >= this.#addresses.length) this.#grow();
    const at = this.#find(address);
    this.#addresses[at] = address;
    this.#sizes[at] = size;
    this.#count++;
  }

  /** An address that is there. */
  delete(address: number): void {
    const last = this.#addresses.length - 1;
    let hole = this.#find(address);
    this.#count--;
    for (let at = (hole + 1) & last; this.#addresses[at] !== 0; at = (at + 1) & last) {
      // what must lie between the hole and here stays
      if (((at - this.#home(this.#addresses[at]!)) & last) < ((at - hole) & last)) continue;
      this.#addresses[hole] = this.#addresses[at]!;
      this.#sizes[hole] = this.#sizes[at]!;
      hole = at;
    }
    this.#addresses[hole] = 0;
  }

  /** All addresses, in no order. */
  keys(): number[] {
    return Array.from(this.#addresses.filter((address) => address !== 0));
  }

  #home(address: number): number {
    return (Math.imul(address >>> 6, 0x9e3779b1) >>> 8) & (this.#addresses.length - 1);
  }

  /** The place of an address, or the free one where it would be. */
  #find(address: number): number {
    const last = this.#addresses.length - 1;
    let at = this.#home(address);
    while (this.#addresses[at] !== 0 && this.#addresses[at] !== address) at = (at + 1) & last;
    return at;
  }

  #grow(): void {
    const [addresses, sizes] = [this.#addresses, this.#sizes];
    this.#addresses = new Uint32Array(2 * addresses.length);
    this.#sizes = new Uint32Array(2 * addresses.length);
    for (const [n, address] of addresses.entries()) {
      if (address === 0) continue;
      const at = this.#find(address);
      this.#addresses[at] = address;
      this.#sizes[at] = sizes[n]!;
    }
  }
}
