import {
  type Device,
  keep,
  largestIn,
  sizeOf,
  type Tensor,
  ValueError,
  zeros,
  zerosIn,
} from '@headwise/tensor';
import type { Rows } from './checks.ts';
import type { CacheFormat } from './contract.ts';
import { bytesOfRows, formatOf } from './dtype.ts';

/** A run of slots. */
export interface Run {
  readonly start: number;
  readonly count: number;
}

/** What to copy: `count` slots from `from` to `to`, of every sequence, or of one into one. */
export interface Copy {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly fromB?: number;
  readonly toB?: number;
}

/**
 * Rows rounded as a cache keeps them, all of them before one is stored: a device refuses a number that the format has no
 * room for, and a row that came before it would already stand in its place. To be called in a scope.
 *
 * @throws {ValueError} naming the row and the number.
 */
export function roundedRows(op: string, rows: Rows, format: CacheFormat): Rows {
  const rounded = Object.entries(rows).map(([name, row]) => {
    const kept = formatOf(format, name);
    if (kept === undefined || row.size === 0) return [name, row] as const;
    const target = zerosIn(row.device, row.shape, kept);
    try {
      target.write(0, row);
    } catch (error) {
      if (!ValueError.isInstance(error)) throw error;
      const rule = `must have no finite number above ${largestIn(kept)} to be kept as ${kept} (bf16 takes larger ones, f32 all)`;
      throw new ValueError(op, `rows.${name}`, rule, error.got);
    }
    return [name, target] as const;
  });
  return Object.fromEntries(rounded);
}

/**
 * Device memory for rows: one tensor `[B, capacity, ...row]` a name, allocated once, written in place. It knows
 * slots, not positions; which slot holds which token is its owner's business.
 */
export class RowStore {
  readonly device: Device;
  readonly B: number;
  readonly capacity: number;
  readonly tensors: Rows;
  /** Elements of one row, by name. */
  readonly #widths: Readonly<Record<string, number>>;
  readonly #shapes: Readonly<Record<string, readonly number[]>>;
  /** In how many bits the device keeps the rows; undefined for f32. */
  readonly #format: CacheFormat | undefined;

  constructor(
    device: Device,
    rows: Readonly<Record<string, readonly number[]>>,
    B: number,
    capacity: number,
    format?: CacheFormat,
  ) {
    this.device = device;
    this.#format = format;
    this.B = B;
    this.capacity = capacity;
    this.#shapes = rows;
    this.#widths = Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, sizeOf(row)]));
    const tensors: Record<string, Tensor> = {};
    try {
      for (const [name, row] of Object.entries(rows)) {
        const [shape, kept] = [[B, capacity, ...row], formatOf(format, name)];
        tensors[name] = keep(kept ? zerosIn(device, shape, kept) : zeros(device, shape));
      }
    } catch (error) {
      // there was no room for the second, or the device cannot keep it so
      for (const made of Object.values(tensors)) made.dispose();
      throw error;
    }
    this.tensors = tensors;
  }

  /** Elements of one token of one sequence. */
  get rowElements(): number {
    return Object.values(this.#widths).reduce((sum, width) => sum + width, 0);
  }

  /** Bytes of one token of one sequence. */
  get rowBytes(): number {
    return Object.entries(this.#shapes).reduce(
      (sum, [name, row]) => sum + bytesOfRows(row, 1, formatOf(this.#format, name) ?? 'f32'),
      0,
    );
  }

  get bytes(): number {
    return this.B * this.capacity * this.rowBytes;
  }

  /** Whether it is a store of these rows and sizes. */
  fits(
    device: Device,
    rows: Readonly<Record<string, readonly number[]>>,
    B: number,
    capacity: number,
  ): boolean {
    const same = JSON.stringify(rows) === JSON.stringify(this.#shapes);
    return same && device === this.device && B === this.B && capacity === this.capacity;
  }

  /** An empty store of the same rows. */
  like(B: number, capacity: number): RowStore {
    return new RowStore(this.device, this.#shapes, B, capacity, this.#format);
  }

  /** Copies slots of tensors `[·, slots, ...row]` into this store; touches nothing else. */
  copy(source: Rows, { from, to, count, fromB, toB }: Copy): void {
    if (count === 0) return;
    for (const [name, tensor] of Object.entries(this.tensors)) {
      const width = this.#widths[name]!;
      const other = source[name]!;
      const slots = other.shape[1]!;
      const sequences = fromB === undefined ? this.B : 1;
      for (let i = 0; i < sequences; i++) {
        const sourceRow = (fromB ?? i) * slots + from;
        const targetRow = (toB ?? i) * this.capacity + to;
        tensor.write(targetRow * width, other, sourceRow * width, count * width);
      }
    }
  }

  /** Sequence b becomes what `order[b]` was, in the first `used` slots; through temporary copies of the moved ones. */
  reorder(order: readonly number[], used: number): void {
    const moved = order.flatMap((from, b) => (from === b ? [] : [{ b, from }]));
    if (moved.length === 0 || used === 0) return;
    const temporary = this.like(moved.length, used);
    moved.forEach(({ from }, i) => {
      temporary.copy(this.tensors, { from: 0, to: 0, count: used, fromB: from, toB: i });
    });
    moved.forEach(({ b }, i) => {
      this.copy(temporary.tensors, { from: 0, to: 0, count: used, fromB: i, toB: b });
    });
    temporary.dispose();
  }

  /** Another store with the same content. */
  clone(): RowStore {
    const copy = this.like(this.B, this.capacity);
    for (const [name, tensor] of Object.entries(this.tensors)) copy.tensors[name]!.write(0, tensor);
    return copy;
  }

  /**
   * Reads runs of slots of every sequence, joined: the rows of sequence 0, then of 1, …, by name. Every read is
   * asked for before the first is awaited, so later writes are not seen.
   */
  async read(runsOf: (b: number) => readonly Run[]): Promise<Readonly<Record<string, Float32Array>>> {
    const names = Object.entries(this.tensors).map(async ([name, tensor]) => {
      const width = this.#widths[name]!;
      const buffer = tensor.use('save', name);
      const parts = Array.from({ length: this.B }, (_, b) =>
        runsOf(b)
          .filter(({ count }) => count > 0)
          .map(({ start, count }) => {
            const first = (b * this.capacity + start) * width;
            return this.device.read(buffer, first, first + count * width);
          }),
      ).flat();
      const read = await Promise.all(parts);
      const all = new Float32Array(read.reduce((sum, { length }) => sum + length, 0));
      let offset = 0;
      for (const part of read) {
        all.set(part, offset);
        offset += part.length;
      }
      return [name, all] as const;
    });
    return Object.fromEntries(await Promise.all(names));
  }

  /** Writes `count` host rows, from row `from` of them on, into the slots from `to` on of sequence b. */
  fill(host: Readonly<Record<string, Float32Array>>, b: number, { from, to, count }: Copy): void {
    if (count === 0) return;
    for (const [name, tensor] of Object.entries(this.tensors)) {
      const width = this.#widths[name]!;
      tensor.write((b * this.capacity + to) * width, host[name]!, from * width, count * width);
    }
  }

  dispose(): void {
    for (const tensor of Object.values(this.tensors)) tensor.dispose();
  }
}
