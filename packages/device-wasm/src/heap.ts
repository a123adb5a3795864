import { DeviceError } from '@headwise/tensor';
import { Sizes } from './sizes.ts';

/** Bytes below this address belong to the control block and the kernels' own constants. */
const FLOOR = 65536;
const ALIGNMENT = 64;
const PAGE = 65536;
/** Addresses are 32 bits; the last page stays unused so that no end overflows. */
const CEILING = 2 ** 32 - PAGE;

interface Block {
  start: number;
  size: number;
}

/**
 * Hands out pieces of one growing WebAssembly memory: best fit, neighbours merged when they are freed.
 *
 * With `guard` bytes, each piece has a zone before and after it filled with a quiet NaN, which `check` inspects:
 * a kernel that writes outside is caught, and one that reads outside spoils its own result.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly #limit: number;
  readonly #guard: number;
  readonly #sizes = new Sizes();
  /** Free blocks by address. */
  readonly #free: Block[] = [];
  #end = FLOOR;
  #used = 0;
  #views: { f32: Float32Array; i32: Int32Array; u8: Uint8Array };

  constructor(memory: WebAssembly.Memory, { limit = CEILING, guard = 0 } = {}) {
    this.memory = memory;
    this.#limit = Math.min(limit, CEILING);
    this.#guard = guard;
    this.#views = viewsOf(memory);
  }

  /** Views of the whole memory; valid until the next allocation. */
  get views(): { readonly f32: Float32Array; readonly i32: Int32Array; readonly u8: Uint8Array } {
    return this.#views;
  }

  /** Bytes handed out, padding included. */
  get used(): number {
    return this.#used;
  }

  /**
   * @returns an address, a multiple of 64.
   * @throws {DeviceError} if the memory cannot grow that far.
   */
  allocate(bytes: number): number {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT) + 2 * this.#guard;
    const start = this.#take(size) ?? this.#extend(size);
    const address = start + this.#guard;
    this.#sizes.set(address, size);
    this.#used += size;
    if (this.#guard > 0) this.#fillGuards(address, bytes, size);
    return address;
  }

  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) throw new DeviceError('wasm', `address ${address} is not allocated`);
    if (this.#guard > 0) this.check(address);
    this.#sizes.delete(address);
    this.#guardEnds.delete(address);
    this.#used -= size;
    this.#give({ start: address - this.#guard, size });
  }

  readonly #guardEnds = new Map<number, number>();

  /** @throws {DeviceError} if something wrote beside this piece, or beside any when none is named. */
  check(address?: number): void {
    const pieces = address === undefined ? this.#sizes.keys() : [address];
    for (const piece of pieces) {
      const end = this.#guardEnds.get(piece);
      if (end === undefined) continue;
      const start = piece - this.#guard;
      const whole = start + this.#sizes.get(piece)!;
      const spoiled = (from: number, to: number): boolean =>
        this.#views.u8.subarray(from, to).some((byte) => byte !== 0xff);
      if (spoiled(start, piece) || spoiled(end, whole)) {
        throw new DeviceError('wasm', `a kernel wrote outside its buffer at ${piece} … ${end}`);
      }
    }
  }

  #fillGuards(address: number, bytes: number, size: number): void {
    this.#views.u8.fill(0xff, address - this.#guard, address);
    this.#views.u8.fill(0xff, address + bytes, address - this.#guard + size);
    this.#guardEnds.set(address, address + bytes);
  }

  #take(size: number): number | undefined {
    let best = -1;
    for (let n = 0; n < this.#free.length; n++) {
      const block = this.#free[n]!;
      if (block.size < size || (best >= 0 && block.size >= this.#free[best]!.size)) continue;
      best = n;
      if (block.size === size) break;
    }
    if (best < 0) return undefined;
    const block = this.#free[best]!;
    const start = block.start;
    if (block.size === size) this.#free.splice(best, 1);
    else {
      block.start += size;
      block.size -= size;
    }
    return start;
  }

  #extend(size: number): number {
    const last = this.#free.at(-1);
    const start = last && last.start + last.size === this.#end ? last.start : this.#end;
    const end = start + size;
    if (end > this.#limit) throw this.#refusal(size, end);
    const missing = Math.ceil(end / PAGE) - this.#views.u8.length / PAGE;
    if (missing > 0) this.#grow(missing, size, end);
    if (start !== this.#end) this.#free.pop();
    this.#end = end;
    return start;
  }

  #grow(pages: number, size: number, end: number): void {
    // a little ahead, so that a growing program does not grow page by page
    const present = this.#views.u8.length / PAGE;
    const ahead = Math.min(Math.max(pages, Math.ceil(present / 8)), Math.floor(this.#limit / PAGE) - present);
    try {
      this.memory.grow(Math.max(pages, ahead));
    } catch {
      try {
        this.memory.grow(pages);
      } catch {
        throw this.#refusal(size, end);
      }
    }
    this.#views = viewsOf(this.memory);
  }

  #refusal(size: number, end: number): DeviceError {
    const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
    return new DeviceError(
      'wasm',
      `cannot allocate ${mebibytes(size)}: the heap would end at ${mebibytes(end)} of at most ${mebibytes(this.#limit)}`,
      ['WebAssembly memory has 32-bit addresses: 4 GiB for everything a device holds'],
      'Dispose what is not needed, store weights in fewer bits with packWeights(), or use a second device.',
    );
  }

  #give(block: Block): void {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#free[middle]!.start < block.start) low = middle + 1;
      else high = middle;
    }
    const next = this.#free[low];
    const before = this.#free[low - 1];
    const joinsNext = next !== undefined && block.start + block.size === next.start;
    const joinsBefore = before !== undefined && before.start + before.size === block.start;
    if (joinsBefore) {
      before.size += block.size;
      if (joinsNext) {
        before.size += next.size;
        this.#free.splice(low, 1);
      }
    } else if (joinsNext) {
      next.start = block.start;
      next.size += block.size;
    } else this.#free.splice(low, 0, block);
  }
}

function viewsOf({ buffer }: WebAssembly.Memory): { f32: Float32Array; i32: Int32Array; u8: Uint8Array } {
  return { f32: new Float32Array(buffer), i32: new Int32Array(buffer), u8: new Uint8Array(buffer) };
}
