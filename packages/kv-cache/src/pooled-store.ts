import {
  type Device,
  type LayerSpec,
  type Pool,
  pooledCount,
  poolRows,
  scope,
  sizeOf,
} from '@headwise/tensor';
import type { Rows } from './checks.ts';
import { bytesOfRows } from './dtype.ts';
import { RowStore } from './row-store.ts';

/** Most numbers of tokens that are gathered at once. */
const LARGEST = 2 ** 22;

/** The rows of one pooled name. */
interface Column {
  readonly name: string;
  store: RowStore;
  /** How many each sequence has. */
  made: readonly number[];
}

/**
 * What a cache keeps once every so many tokens, beside its rows: number j of a sequence in slot j, made when its last
 * token is appended. They follow from the rows, so that a file need not have them: what is missing after a load is
 * made with the next append.
 */
export class PooledStore {
  readonly #spec: LayerSpec;
  readonly #columns: readonly Column[];

  /** @param capacity in tokens */
  constructor(device: Device, spec: LayerSpec, B: number, capacity: number) {
    this.#spec = spec;
    const columns: Column[] = [];
    try {
      for (const [name, pooled] of Object.entries(spec.pooled ?? {})) {
        // a view has a slot to read, also where no text is long enough for one
        const slots = Math.max(1, pooledCount(pooled, capacity));
        const store = new RowStore(device, { [name]: pooled.row }, B, slots);
        columns.push({ name, store, made: Array<number>(B).fill(0) });
      }
    } catch (error) {
      for (const { store } of columns) store.dispose();
      throw error;
    }
    this.#columns = columns;
  }

  /** `[B, n, ...row]` by name. */
  get tensors(): Rows {
    return Object.assign({}, ...this.#columns.map(({ store }) => store.tensors));
  }

  /** Makes what these lengths complete, and what is missing before. */
  make(op: string, tokens: Rows, lengths: readonly number[], pool: Pool): void {
    for (const column of this.#columns) {
      const pooled = this.#spec.pooled![column.name]!;
      const { of, every, over = every } = pooled;
      const source = tokens[of]!;
      const few = Math.max(1, Math.floor(LARGEST / (over * sizeOf(this.#spec.rows[of]!))));
      lengths.forEach((length, b) => {
        const end = pooledCount(pooled, length);
        for (let first = column.made[b]!; first < end; first += few) {
          const count = Math.min(few, end - first);
          const start = b * source.shape[1]! + every * first;
          const slots = Int32Array.from(
            { length: count * over },
            (_, n) => start + every * Math.floor(n / over) + (n % over),
          );
          scope(() => {
            const made = poolRows(op, this.#spec, column.name, source, slots, pool);
            const rows = { [column.name]: made.reshape([1, ...made.shape]) };
            column.store.copy(rows, { from: 0, to: first, count, fromB: 0, toB: b });
          });
        }
      });
      column.made = lengths.map((length, b) => Math.max(column.made[b]!, pooledCount(pooled, length)));
    }
  }

  /** Sequences are no longer than this: what their tokens made is made again. */
  trim(lengths: readonly number[]): void {
    for (const column of this.#columns) {
      const pooled = this.#spec.pooled![column.name]!;
      column.made = lengths.map((length, b) => Math.min(column.made[b] ?? 0, pooledCount(pooled, length)));
    }
  }

  /** The tokens are others. */
  forget(): void {
    for (const column of this.#columns) column.made = column.made.map(() => 0);
  }

  /** Sequence b becomes what `order[b]` was. */
  take(order: readonly number[]): void {
    for (const column of this.#columns) {
      const next = column.store.take(order, (b) => column.made[b]!);
      if (next !== column.store) column.store.dispose();
      column.store = next;
      column.made = order.map((from) => column.made[from]!);
    }
  }

  /** Takes over the rows of a store of the same sizes. */
  copy(other: PooledStore): void {
    this.#columns.forEach((column, i) => {
      const { store, made } = other.#columns[i]!;
      made.forEach((count, b) => {
        column.store.copy(store.tensors, { from: 0, to: 0, count, fromB: b, toB: b });
      });
      column.made = made;
    });
  }

  /** Bytes of what there is, of what there can be, and of what the device counts. */
  get bytes(): { readonly used: number; readonly full: number; readonly device: number } {
    const sum = { used: 0, full: 0, device: 0 };
    for (const { name, store, made } of this.#columns) {
      const row = bytesOfRows(this.#spec.pooled![name]!.row, 1, 'f32');
      sum.used += row * made.reduce((total, count) => total + count, 0);
      sum.full += row * store.B * store.capacity;
      sum.device += store.bytes;
    }
    return sum;
  }

  dispose(): void {
    for (const { store } of this.#columns) store.dispose();
  }
}
