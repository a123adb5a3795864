import { type Device, scope, type Tensor } from '@headwise/tensor';
import type { Rows } from '../checks.ts';
import type { Quantization } from '../dtype.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { RowStore } from '../row-store.ts';
import { codesToBytes, packedBytes } from './bytes.ts';
import { type PackLayout, packLayout } from './layout.ts';
import { pack } from './pack.ts';
import { unpack } from './unpack.ts';

/** How the rows of a layer are packed. */
export interface BlockAxes {
  readonly bits: 8 | 4;
  /** Tokens of a block. */
  readonly group: number;
  readonly along: (name: string) => Quantization['along'];
}

/** Packed blocks of rows: for each name its codes, scales and lows, `[B, blocks, …]`. */
export class BlockStore {
  readonly layouts: Readonly<Record<string, PackLayout>>;
  readonly #shapes: Readonly<Record<string, readonly number[]>>;
  readonly #store: RowStore;

  constructor(
    device: Device,
    rows: Readonly<Record<string, readonly number[]>>,
    B: number,
    blocks: number,
    { bits, group, along }: BlockAxes,
    store?: RowStore,
  ) {
    this.#shapes = rows;
    this.layouts = Object.fromEntries(
      Object.entries(rows).map(([name, row]) => [name, packLayout(row, { bits, along: along(name), group })]),
    );
    this.#store = store ?? new RowStore(device, packedRows(this.layouts), B, blocks);
  }

  /** Blocks there is room for, of each sequence. */
  get blocks(): number {
    return this.#store.capacity;
  }

  get bytes(): number {
    return this.#store.bytes;
  }

  /** Packs a block that begins at a slot of `recent`, of all sequences at once or of some of them. */
  pack(recent: RowStore, sequences: readonly number[], block: number, slot: number): void {
    scope(() => {
      if (sequences.length === this.#store.B) {
        this.#store.copy(this.#pack(recent, slot), { from: 0, to: block, count: 1 });
        return;
      }
      for (const b of sequences) {
        const one = recent.like(1, this.#tokens);
        try {
          one.copy(recent.tensors, { from: slot, to: 0, count: this.#tokens, fromB: b, toB: 0 });
          this.#store.copy(this.#pack(one, 0), { from: 0, to: block, count: 1, fromB: 0, toB: b });
        } finally {
          one.dispose();
        }
      }
    });
  }

  /** The rows `[B, count · group, ...row]` of packed blocks. */
  unpack(first: number, count: number): Rows {
    return Object.fromEntries(
      Object.entries(this.layouts).map(([name, layout]) => {
        const [codes, scales, lows] = ['codes', 'scales', 'lows'].map(
          (what) => this.#store.tensors[`${name}.${what}`]!,
        );
        const rows = unpack({ codes: codes!, scales: scales!, lows: lows! }, { ...layout, first, count });
        return [name, rows.reshape([this.#store.B, count * layout.tokens, ...this.#shapes[name]!])];
      }),
    );
  }

  /** As `RowStore.take`. @param used blocks of each sequence that are in use */
  take(order: readonly number[], used: (b: number) => number): BlockStore {
    const store = this.#store.take(order, used);
    return store === this.#store ? this : this.#over(store);
  }

  clone(): BlockStore {
    return this.#over(this.#store.clone());
  }

  /** The first blocks of every sequence for a file, by the names of sections; codes as bytes. */
  async read(blocksOf: (b: number) => number): Promise<Readonly<Record<string, Float32Array | Uint8Array>>> {
    const { layouts } = this;
    const read = await this.#store.read((b) => [{ start: 0, count: blocksOf(b) }]);
    const sections = Object.entries(read).map(([key, data]) => {
      const [name, what] = key.split('.') as [string, string];
      return [key, what === 'codes' ? codesToBytes(data, layouts[name]!) : data] as const;
    });
    return Object.fromEntries(sections);
  }

  /** The blocks of a file. @throws {CacheFileError} unless it has so many. */
  hostBlocks(snapshot: Snapshot, blocks: number): Readonly<Record<string, Float32Array>> {
    return packedBytes(snapshot, this.layouts, blocks);
  }

  /** Takes over blocks of a file, so many of each sequence. */
  fill(host: Readonly<Record<string, Float32Array>>, blocks: readonly number[]): void {
    let from = 0;
    blocks.forEach((count, b) => {
      this.#store.fill(host, b, { from, to: 0, count });
      from += count;
    });
  }

  dispose(): void {
    this.#store.dispose();
  }

  get #tokens(): number {
    return Object.values(this.layouts)[0]!.tokens;
  }

  #over(store: RowStore): BlockStore {
    const { bits, tokens: group } = Object.values(this.layouts)[0]!;
    const axes = { bits, group, along: (name: string) => this.layouts[name]!.along };
    return new BlockStore(store.device, this.#shapes, store.B, store.capacity, axes, store);
  }

  #pack(from: RowStore, start: number): Rows {
    const packed: Record<string, Tensor> = {};
    for (const [name, layout] of Object.entries(this.layouts)) {
      const x = from.tensors[name]!.reshape([from.B, from.capacity, layout.n]);
      for (const [what, made] of Object.entries(pack(x, { ...layout, start }))) {
        packed[`${name}.${what}`] = made.reshape([from.B, 1, made.shape[1]!]);
      }
    }
    return packed;
  }
}

function packedRows(layouts: Readonly<Record<string, PackLayout>>): Record<string, readonly number[]> {
  return Object.fromEntries(
    Object.entries(layouts).flatMap(([name, { elements, groups }]) => [
      [`${name}.codes`, [elements]],
      [`${name}.scales`, [groups]],
      [`${name}.lows`, [groups]],
    ]),
  );
}
