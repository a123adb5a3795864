import { checkFields, type Device, gather, type LayerSpec, scope, sizeOf, tensor } from '@headwise/tensor';
import { checkSpec, type Rows } from '../checks.ts';
import { RowStore } from '../row-store.ts';
import { movesTo, type Piece } from '../tokens.ts';
import { BlockTables, type Span } from './block-tables.ts';

/** What a pool of blocks is made from. */
export interface PagedPoolOptions {
  readonly device: Device;
  /** What a token adds; all sequences of the pool are of the same layer. */
  readonly spec: LayerSpec;
  readonly blocks: number;
  /** Tokens of a block. Default 16. */
  readonly blockSize?: number | undefined;
}

/**
 * Blocks of rows on a device, shared by any number of sequences. Who has which block is in `tables`; the rows of
 * block n are slots `n · blockSize …` of one tensor a name.
 */
export class PagedPool {
  readonly device: Device;
  readonly spec: LayerSpec;
  readonly tables: BlockTables;
  readonly store: RowStore;

  constructor(options: PagedPoolOptions) {
    checkFields('createPagedPool', 'options', options, ['device', 'spec', 'blocks']);
    const { device, spec, blocks, blockSize = 16 } = options;
    checkSpec('paged', spec, ['full', 'latent', 'window']);
    this.device = device;
    this.spec = spec;
    this.tables = new BlockTables({ blocks, blockSize }, (from, to, rows) => this.#copyBlock(from, to, rows));
    this.store = new RowStore(device, spec.rows, 1, blocks * blockSize);
  }

  get blockSize(): number {
    return this.tables.blockSize;
  }

  /** Bytes of one block. */
  get blockBytes(): number {
    return 4 * this.blockSize * this.store.rowElements;
  }

  get bytes(): number {
    return this.store.bytes;
  }

  /**
   * Writes the tokens of an append, `rows [B, L, ...row]`, to where they belong: of each sequence its blocks, and its
   * columns.
   * @throws {DeviceError} if the rows do not reach so far, or are on another device.
   */
  write(
    rows: Rows,
    sequences: readonly { readonly spans: readonly Span[]; readonly pieces: readonly Piece[] }[],
  ): void {
    const L = Object.values(rows)[0]!.shape[1]!;
    const moves = sequences.flatMap(({ spans, pieces }, b) => {
      let position = pieces[0]?.position ?? 0;
      const slots = spans.map(({ block, offset, count }) => {
        position += count;
        return { position: position - count, slot: block * this.blockSize + offset, count };
      });
      return movesTo(pieces, slots).map((move) => ({ ...move, from: b * L + move.from }));
    });
    scope(() => {
      // the blocks are one sequence to the store, and so are the tokens of all
      const inOne = Object.entries(rows).map(([name, row]) => {
        const [B, , ...rest] = row.shape as [number, number, ...number[]];
        return [name, row.reshape([1, B * L, ...rest])] as const;
      });
      this.store.put(Object.fromEntries(inOne), [moves], L === 1);
    });
  }

  /**
   * Copies the first `length` tokens of sequences into the slots 0 … of a store, in order, on the device. What stands
   * behind the end of a shorter one is arbitrary.
   * @throws {ValueError} if a sequence is not open, {DeviceError} if the store is too small.
   */
  gatherInto(target: RowStore, sequences: readonly number[], length: number): void {
    if (length === 0) return;
    const slots = Int32Array.from(sequences.flatMap((id) => this.#slots(id, length)));
    scope(() => {
      const ids = tensor(this.device, slots, [slots.length]);
      const rows = Object.entries(this.spec.rows).map(([name, row]) => {
        const table = this.store.tensors[name]!.reshape([this.store.capacity, sizeOf(row)]);
        return [name, gather(table, ids).reshape([sequences.length, length, ...row])] as const;
      });
      target.copy(Object.fromEntries(rows), { from: 0, to: 0, count: length });
    });
  }

  /** Frees the blocks. Never throws. */
  dispose(): void {
    this.store.dispose();
  }

  #slots(id: number, length: number): number[] {
    const table = this.tables.table(id);
    return Array.from(
      { length },
      (_, i) => (table[Math.floor(i / this.blockSize)] ?? 0) * this.blockSize + (i % this.blockSize),
    );
  }

  /** A device does not copy within one buffer, so the rows go through one of their own. */
  #copyBlock(from: number, to: number, rows: number): void {
    const between = this.store.like(1, rows);
    try {
      between.copy(this.store.tensors, { from: from * this.blockSize, to: 0, count: rows });
      this.store.copy(between.tensors, { from: 0, to: to * this.blockSize, count: rows });
    } finally {
      between.dispose();
    }
  }
}

/** @throws {ValueError} for a layer without rows, or sizes that are not whole numbers ≥ 1. */
export function createPagedPool(options: PagedPoolOptions): PagedPool {
  return new PagedPool(options);
}
