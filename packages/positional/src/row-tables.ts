import { type Device, DeviceError, keep, type Positions, type Tensor, tensor } from '@headwise/tensor';

/** What to read of a table on a device: its tensors `[N, width]`, and which row each token reads. */
export interface DeviceRows {
  readonly tables: readonly Tensor<'N W'>[];
  /** `[B | 1, L]` i32 */
  readonly rows: Tensor<'B L', 'i32'>;
}

/** A table that is a function of the position. */
export interface RowSource {
  /** Two sources with the same key have the same rows. */
  readonly key: string;
  /** Numbers in a row. */
  readonly width: number;
  /** Whether later calls will read the same rows; false for angles that change with every length. */
  readonly lasting: boolean;
  /** The rows of these positions, one array `[positions, width]` for each table. */
  readonly build: (positions: ArrayLike<number>) => readonly Float64Array[];
}

interface Held {
  readonly tables: readonly Tensor[];
  readonly count: number;
}

interface LastCall extends DeviceRows {
  readonly key: string;
  readonly positions: Int32Array;
}

/** Rows 0 … N−1 stay on the device while a table takes no more than this: 131 072 positions of a head of 128. */
const RESIDENT_BYTES = 2 ** 25;
const FEWEST_ROWS = 64;
/** Calls remembered, so that the layers of a model share the rows of one step: q and k of two layer types. */
const CALLS = 4;

/**
 * The tables of one encoding on one device. A lasting table grows by doubling, and what it replaces is freed.
 * Beyond `RESIDENT_BYTES`, or for rows that change with the length, a call uploads only the rows it reads.
 */
export class RowTables implements Disposable {
  readonly #device: Device;
  readonly #resident = new Map<string, Held>();
  #calls: LastCall[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  /** @throws {DeviceError} if the positions live on another device. */
  lookUp(op: string, source: RowSource, positions: Positions, end: number): DeviceRows {
    if (positions.tensor.device !== this.#device) {
      throw new DeviceError(
        this.#device.name,
        `${op} was given positions of another device, ${positions.tensor.device.name}`,
        [],
        'Make them with createPositions on this device.',
      );
    }
    const most = mostRows(source);
    return source.lasting && end <= most
      ? { tables: this.#grow(source, end, most), rows: positions.tensor }
      : this.#callRows(source, positions);
  }

  /** Makes the rows of positions up to `end` now, as far as they stay on the device. */
  reserve(source: RowSource, end: number): void {
    const most = mostRows(source);
    if (source.lasting) this.#grow(source, Math.min(end, most), most);
  }

  #grow(source: RowSource, end: number, most: number): readonly Tensor[] {
    const before = this.#resident.get(source.key);
    if (before && before.count >= end) return before.tables;
    const count = Math.min(most, Math.max(FEWEST_ROWS, 2 ** Math.ceil(Math.log2(Math.max(1, end)))));
    const tables = this.#upload(
      source,
      Array.from({ length: count }, (_, i) => i),
    );
    this.#resident.set(source.key, { tables, count });
    for (const table of before?.tables ?? []) table.dispose();
    return tables;
  }

  #callRows(source: RowSource, { host, shape }: Positions): DeviceRows {
    const same = this.#calls.find(({ key, positions }) => key === source.key && positions === host);
    if (same) return same;
    const counted = Int32Array.from(host, (_, i) => i);
    const rows = keep(tensor<'B L'>(this.#device, counted, shape));
    try {
      const call: LastCall = { key: source.key, positions: host, tables: this.#upload(source, host), rows };
      this.#calls = [call, ...this.#calls];
    } catch (error) {
      rows.dispose();
      throw error;
    }
    for (const old of this.#calls.splice(CALLS)) free(old);
    return this.#calls[0]!;
  }

  /** All of them or none: a device may be full at the second. */
  #upload({ width, build }: RowSource, positions: ArrayLike<number>): readonly Tensor[] {
    const made: Tensor[] = [];
    try {
      for (const rows of build(positions))
        made.push(keep(tensor(this.#device, Float32Array.from(rows), [positions.length, width])));
      return made;
    } catch (error) {
      for (const table of made) table.dispose();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const { tables } of this.#resident.values()) for (const table of tables) table.dispose();
    for (const call of this.#calls) free(call);
    this.#resident.clear();
    this.#calls = [];
  }
}

function mostRows({ width }: RowSource): number {
  return Math.floor(RESIDENT_BYTES / 4 / Math.max(1, width));
}

function free({ tables, rows }: DeviceRows): void {
  for (const table of tables) table.dispose();
  rows.dispose();
}
