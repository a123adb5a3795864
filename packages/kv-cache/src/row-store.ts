import {
  type Device,
  keep,
  NOBODY,
  sizeOf,
  storeRows,
  storeRowsOp,
  type Tensor,
  ValueError,
  zeros,
  zerosIn,
} from '@headwise/tensor';
import type { Rows } from './checks.ts';
import type { CacheFormat } from './contract.ts';
import { bytesOfRows, formatOf } from './dtype.ts';
import { Indices } from './indices.ts';
import type { Move } from './tokens.ts';

/** Runs of slots, of several tokens each, up to which each is written on its own. */
const WRITES = 2;

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

/** Frees a store that another has taken the place of. @returns the other */
export function replaced<Store extends { dispose(): void }>(old: Store, next: Store): Store {
  if (old !== next) old.dispose();
  return next;
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
      const rule = `must have no finite number that ${kept} cannot hold (bf16 takes the largest, f32 all)`;
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
  /** The tensors with their widths, as a list. */
  readonly #columns: readonly { readonly name: string; readonly tensor: Tensor; readonly width: number }[];
  /** In how many bits the device keeps the rows; undefined for f32. */
  readonly #format: CacheFormat | undefined;
  /** Slots `[B, L]` of an append. */
  readonly #slots: Indices;
  /** Whether one token a sequence is stored by its slot: the device's answer, asked once. */
  #decodesBySlot: boolean | undefined;

  constructor(
    device: Device,
    rows: Readonly<Record<string, readonly number[]>>,
    B: number,
    capacity: number,
    format?: CacheFormat,
  ) {
    this.device = device;
    this.#format = format;
    this.#slots = new Indices(device);
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
    this.#columns = Object.entries(tensors).map(([name, tensor]) => ({
      name,
      tensor,
      width: this.#widths[name]!,
    }));
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

  /** Bytes that the device counts. */
  get bytes(): number {
    return this.B * this.capacity * this.rowBytes + this.#slots.bytes;
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
    for (const { name, tensor, width } of this.#columns) {
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

  /**
   * The rows `[B, L, ...row]` of an append into this store, sequence by sequence.
   *
   * @param decodes whether it is one token a sequence: default, whether L is 1
   */
  put(
    rows: Rows,
    moves: readonly (readonly Move[])[],
    decodes = Object.values(rows)[0]!.shape[1] === 1,
  ): void {
    const L = Object.values(rows)[0]!.shape[1]!;
    if (this.#storesBySlot(moves, L, decodes)) {
      this.#slotsOf(moves, L);
      this.putRows(rows);
      return;
    }
    for (const [b, list] of moves.entries())
      for (const { from, to, count } of list) this.copy(rows, { from, to, count, fromB: b, toB: b });
  }

  /** Whether one token a sequence goes by its slot. */
  get decodesBySlot(): boolean {
    this.#decodesBySlot ??= this.#canStore(1);
    return this.#decodesBySlot;
  }

  /** The slots of an append of one token a sequence, whose rows come by `putRows`. @returns whether they go by slots */
  putSlots(moves: readonly (readonly Move[])[]): boolean {
    if (!this.decodesBySlot) return false;
    this.#slotsOf(moves, 1);
    return true;
  }

  /** Rows `[B, L, ...row]` to the slots that stand in memory. */
  putRows(rows: Rows): void {
    for (const { name, tensor } of this.#columns) storeRows(tensor, rows[name]!, this.#slots.tensor);
  }

  /**
   * A store of the sequences `order[0]`, `order[1]`, … of this one. Of as many as before it is this one itself, and the
   * rows that move go through temporary copies; of another number it is a new one, and this one is the caller's to free.
   *
   * @param used slots in use of each sequence as it was; no others are copied
   */
  take(order: readonly number[], used: (b: number) => number): RowStore {
    if (order.length === this.B) {
      this.#reorder(order, used);
      return this;
    }
    const next = this.like(order.length, this.capacity);
    try {
      order.forEach((from, b) => {
        next.copy(this.tensors, { from: 0, to: 0, count: used(from), fromB: from, toB: b });
      });
    } catch (error) {
      next.dispose();
      throw error;
    }
    return next;
  }

  #reorder(order: readonly number[], used: (b: number) => number): void {
    const moved = order.flatMap((from, b) => (from === b ? [] : [{ b, from, count: used(from) }]));
    const most = Math.max(0, ...moved.map(({ count }) => count));
    if (most === 0) return;
    const temporary = this.like(moved.length, most);
    try {
      moved.forEach(({ from, count }, i) => {
        temporary.copy(this.tensors, { from: 0, to: 0, count, fromB: from, toB: i });
      });
      moved.forEach(({ b, count }, i) => {
        this.copy(temporary.tensors, { from: 0, to: 0, count, fromB: i, toB: b });
      });
    } finally {
      temporary.dispose();
    }
  }

  /** Another store with the same content. */
  clone(): RowStore {
    const copy = this.like(this.B, this.capacity);
    try {
      for (const [name, tensor] of Object.entries(this.tensors)) copy.tensors[name]!.write(0, tensor);
    } catch (error) {
      copy.dispose();
      throw error;
    }
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
    this.#slots.clear();
  }

  /**
   * Whether an append goes by one `storeRows` a name, on devices that have it: that of one token a sequence, so that
   * every step of a generation is the same call with its slots as numbers; and others where that is fewer calls than a
   * `write` for each run of slots.
   */
  #storesBySlot(moves: readonly (readonly Move[])[], L: number, decodes: boolean): boolean {
    const runs = moves.reduce((sum, list) => sum + list.length, 0);
    if (runs <= WRITES && !decodes) return false;
    return decodes ? this.decodesBySlot : this.#canStore(L);
  }

  #canStore(L: number): boolean {
    return this.#columns.every(({ name, tensor: target }) => {
      const rows = { shape: [this.B, L, ...this.#shapes[name]!], dtype: target.dtype };
      const inputs = { target, rows, slots: { shape: [this.B, L], dtype: 'i32' } as const };
      return this.device.supports(storeRowsOp, inputs, {}).length === 0;
    });
  }

  #slotsOf(moves: readonly (readonly Move[])[], L: number): void {
    const slots = new Int32Array(this.B * L).fill(NOBODY);
    moves.forEach((list, b) => {
      for (const { from, to, count } of list)
        for (let i = 0; i < count; i++) slots[b * L + from + i] = to + i;
    });
    this.#slots.set(slots, [this.B, L]);
  }
}
