import { type StateView, scope, ValueError } from '@headwise/tensor';
import { checkCount, type Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import { bytesOfRows, type Quantization } from '../dtype.ts';
import { packedIn } from '../format/bookkeeping.ts';
import { damaged } from '../format/errors.ts';
import { checkFits, hostRows, type Snapshot, sectionsOf, totalOf } from '../format/snapshot.ts';
import { BlockStore } from '../packing/block-store.ts';
import { RowStore, type Run, replaced } from '../row-store.ts';
import { RowsCache } from '../rows-cache.ts';
import { checkRoom, isLevel, movesInOrder, movesTo, type Placement } from '../tokens.ts';
import { Workspace } from '../workspace.ts';

/**
 * Rows as whole numbers of 8 or 4 bits, the newest ones in full precision: `x̂ = low + code · scale`, a scale and
 * a minimum for each group of numbers.
 *
 * ```text
 * tokens    0 … 31 │ 32 … 63 │ 64 … 103        group 32, residual 32
 *           packed │ packed  │ float32          a block is packed when `residual` newer tokens stand behind it
 * along     'token'    one scale a head and token, as values like it
 *           'channel'  one scale a channel and block, as keys like it: their outliers sit in few channels
 * ```
 *
 * Each sequence packs by its own length. A number is off by at most half a step of its group (`packingBound`). Rows
 * that are cropped into and packed again with others are off by as many half steps as they were packed; so are those
 * that were packed by an append which failed. Devices hold float32, in which 24 bits are
 * exact: a packed number takes 4/3 (or 2/3) of a byte there. Attention reads rows of float32, so a running cache
 * keeps them in a workspace; the layers of a model can share one (`createWorkspace`), and then memory is that of
 * the packed rows and one view.
 *
 * Liu et al. 2024, "KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache", sections 3 and 4.
 */
export const quantized = defineCache({
  name: 'quantized',
  title: 'Packed to 8 or 4 bits, with a residual window',
  summary: 'Keeps older tokens in 8 or 4 bits a number, within a stated bound; the newest stay as they are.',
  holds: ['full', 'latent'],
  fidelity: 'lossy',
  paper: {
    title: 'KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache',
    authors: 'Liu et al.',
    year: 2024,
    arxiv: '2402.02750',
  },
  defaults: { bits: 8, along: 'token', group: 32, residual: 32 },
  create: createQuantized,
});

/** What a quantized cache is made from. */
export interface QuantizedOptions extends CacheOptions {
  /** Default 8. */
  readonly bits?: 8 | 4 | undefined;
  /** What shares a scale, for all rows or by name: `{ k: 'channel', v: 'token' }` is KIVI's. Default `token`. */
  readonly along?: Quantization['along'] | Readonly<Record<string, Quantization['along']>> | undefined;
  /** Tokens that are packed at a time, and that a `channel` group has. Default 32. */
  readonly group?: number | undefined;
  /** Newest tokens that stay in full precision. Default 32. */
  readonly residual?: number | undefined;
  /** Memory for the view, shared with other caches. Default an own one. */
  readonly workspace?: Workspace | undefined;
}

/** A quantized cache can say how much of it is packed. */
export interface QuantizedCache extends Cache {
  /** Tokens of each sequence that are packed, its oldest, `[B]`; the rest stands in full precision. */
  readonly packed: readonly number[];
}

/**
 * @throws {ValueError} for other bits than 8 and 4, or sizes that are not whole numbers.
 * @throws {DeviceError} if the device does not know the operations that pack (they run on reference and gpu.js).
 */
export function createQuantized(options: QuantizedOptions): QuantizedCache {
  return new QuantizedRows(options);
}

class QuantizedRows extends RowsCache implements QuantizedCache {
  readonly kind = 'quantized';
  readonly #options: QuantizedOptions;
  /** Tokens of a block. */
  readonly #group: number;
  readonly #residual: number;
  #packed: BlockStore;
  /** The rows that are not packed, position p in slot `p mod capacity`; a whole number of blocks. */
  #recent: RowStore;
  readonly #workspace: Workspace;
  /** Blocks that are packed, [B]. */
  #blocks: number[];

  constructor(options: QuantizedOptions, from?: QuantizedRows) {
    super('quantized', options, ['full', 'latent']);
    const { bits = 8, along = 'token', group = 32, residual = 32 } = options;
    if (bits !== 8 && bits !== 4) throw new ValueError('quantized', 'bits', 'must be 8 or 4', bits);
    checkCount('quantized', 'group', group);
    checkCount('quantized', 'residual', residual, 0);
    this.#options = options;
    this.#group = group;
    this.#residual = residual;
    const { device, spec, B, capacity } = this;
    for (const name of Object.keys(spec.rows)) {
      const axis = typeof along === 'string' ? along : along[name];
      if (axis !== 'token' && axis !== 'channel')
        throw new ValueError('quantized', `along.${name}`, 'must be token or channel', axis);
    }
    const blocks = Math.max(0, Math.floor((capacity - residual) / group));
    const recent = Math.ceil((residual + group) / group) * group;
    const axes = { bits, group, along: (name: string) => (typeof along === 'string' ? along : along[name]!) };
    this.#packed = from ? from.#packed.clone() : new BlockStore(device, spec.rows, B, blocks, axes);
    try {
      this.#recent = from ? from.#recent.clone() : new RowStore(device, spec.rows, B, recent);
    } catch (error) {
      this.#packed.dispose();
      throw error;
    }
    this.#workspace = (options.workspace ?? new Workspace()).join();
    this.#blocks = from ? [...from.#blocks] : Array.from({ length: B }, () => 0);
  }

  get held(): number {
    return this.length;
  }

  get packed(): readonly number[] {
    return this.#blocks.map((_, b) => this.#packedTokens(b));
  }

  protected override checkPut(placed: Placement): void {
    checkRoom('quantized.append', placed, this.capacity);
  }

  protected put(rows: Rows, placed: Placement): void {
    const view = this.#workspace.isOwner(this) ? this.#claim().store : undefined;
    view?.put(rows, movesInOrder(placed));
    // sequences that are at one place are packed by one call
    const together = placed.even && isLevel(this.#blocks);
    const all = [...this.#blocks.keys()];
    for (const sequences of together ? [all] : all.map((b) => [b])) this.#fill(sequences, rows, placed, view);
  }

  protected look(placed: Placement | undefined): StateView {
    const { store, stale } = this.#claim();
    try {
      if (stale) this.#refill(store);
    } catch (error) {
      this.#workspace.forget(this);
      throw error;
    }
    return this.show({ rows: store.tensors, valid: this.length, keyPositions: this.keysInOrder() }, placed);
  }

  protected override isFresh(): boolean {
    return this.#workspace.isOwner(this);
  }

  protected trim(lengths: readonly number[]): void {
    this.#blocks.forEach((blocks, b) => {
      const length = lengths[b]!;
      const block = Math.floor(length / this.#group);
      if (block >= blocks) return;
      // the rows before the cut come out of their block, as they are by now
      const count = length - block * this.#group;
      scope(() => {
        const rows = this.#packed.unpack(block, 1);
        this.#recent.copy(rows, { from: 0, to: this.#slot(block), count, fromB: b, toB: b });
      });
      this.#blocks[b] = block;
    });
  }

  protected rearrange(order: readonly number[]): void {
    const blocks = this.#blocks;
    if (order.length !== this.B) this.#workspace.forget(this);
    if (this.#workspace.isOwner(this)) this.#claim().store.take(order, (b) => this.lengths[b]!);
    const recent = this.#recent.take(order, () => this.#recent.capacity);
    try {
      this.#packed = replaced(
        this.#packed,
        this.#packed.take(order, (b) => blocks[b]!),
      );
    } catch (error) {
      if (recent !== this.#recent) recent.dispose();
      throw error;
    }
    this.#recent = replaced(this.#recent, recent);
    this.#blocks = order.map((from) => blocks[from]!);
  }

  protected copy(): QuantizedRows {
    return new QuantizedRows({ ...this.#options, B: this.B }, this);
  }

  /** `used` and `full` count a packed number as 8 or 4 bits, as a file has it; `device` what the device has. */
  protected measure(): CacheBytes {
    const bytesAt = (packed: number, total: number): number =>
      Object.entries(this.spec.rows).reduce((sum, [name, row]) => {
        const { bits, along } = this.#packed.layouts[name]!;
        const dtype = { bits, along, group: this.#group };
        return sum + bytesOfRows(row, packed, dtype) + bytesOfRows(row, total - packed, 'f32');
      }, 0);
    const stores = this.#packed.bytes + this.#recent.bytes;
    return {
      used: totalOf(this.lengths.map((length, b) => bytesAt(this.#packedTokens(b), length))),
      full: this.B * bytesAt(this.#packed.blocks * this.#group, this.capacity),
      device: stores + this.indexBytes + this.#workspace.bytesFor(this),
    };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const blocks = [...this.#blocks];
    const runs = this.lengths.map((length, b) => this.#recentRuns(blocks[b]!, length));
    const reads = [this.#packed.read((b) => blocks[b]!), this.#recent.read((b) => runs[b]!)] as const;
    const [packed, recent] = await Promise.all(reads);
    return { state: { ...this.#format(), blocks }, sections: sectionsOf({ ...recent, ...packed }) };
  }

  protected accept(snapshot: Snapshot): () => void {
    const { lengths } = snapshot;
    const blocks = packedIn(snapshot, this.#format());
    checkFits(this, lengths, Math.min(this.capacity, this.limit));
    const rest = lengths.map((length, b) => length - blocks[b]! * this.#group);
    blocks.forEach((count, b) => {
      if (count <= this.#packed.blocks && rest[b]! >= 0 && rest[b]! <= this.#recent.capacity) return;
      throw damaged(`${lengths[b]} tokens cannot be ${count} blocks and a rest`);
    });
    const packed = this.#packed.hostBlocks(snapshot, totalOf(blocks));
    const recent = hostRows(snapshot, totalOf(rest));
    return () => {
      this.#blocks = [...blocks];
      this.#packed.fill(packed, blocks);
      let from = 0;
      lengths.forEach((length, b) => {
        for (const { start, count } of this.#recentRuns(blocks[b]!, length)) {
          this.#recent.fill(recent, b, { from, to: start, count });
          from += count;
        }
      });
      this.#workspace.forget(this);
    };
  }

  protected override free(): void {
    super.free();
    this.#packed.dispose();
    this.#recent.dispose();
    this.#workspace.leave(this);
  }

  #packedTokens(b: number): number {
    return this.#blocks[b]! * this.#group;
  }

  /** What two caches must have in common so that one reads the other's file. */
  #format(): Record<string, unknown> {
    const layouts = Object.entries(this.#packed.layouts).map(([name, { bits, along }]) => [
      name,
      `${bits} bits by ${along}`,
    ]);
    return { ...Object.fromEntries(layouts), group: this.#group, residual: this.#residual };
  }

  /** Slot of the first token of a block among the recent ones. */
  #slot(block: number): number {
    return (block * this.#group) % this.#recent.capacity;
  }

  /** Slots of the tokens of a sequence that are not packed, in order. */
  #recentRuns(blocks: number, length: number): Run[] {
    return this.#runs(blocks * this.#group, length).map(({ slot, count }) => ({ start: slot, count }));
  }

  /** Where positions `from … to − 1` stand among the recent rows, in at most two runs. */
  #runs(from: number, to: number): { position: number; slot: number; count: number }[] {
    const { capacity } = this.#recent;
    const slot = from % capacity;
    const first = Math.min(to - from, capacity - slot);
    return [
      { position: from, slot, count: first },
      { position: from + first, slot: 0, count: to - from - first },
    ].filter(({ count }) => count > 0);
  }

  /** Takes in the new tokens of sequences that are equally long, packing as blocks become full. */
  #fill(
    sequences: readonly number[],
    rows: Rows,
    { pieces, before, after }: Placement,
    view?: RowStore,
  ): void {
    const [b] = sequences as [number];
    for (let from = before[b]!; from < after[b]!; ) {
      const to = Math.min(after[b]!, this.#packedTokens(b) + this.#recent.capacity);
      const moves = this.#blocks.map((_, other) =>
        sequences.includes(other) ? movesTo(pieces[other]!, this.#runs(from, to)) : [],
      );
      this.#recent.put(rows, moves);
      from = to;
      while (
        this.#blocks[b]! < this.#packed.blocks &&
        from - this.#packedTokens(b) >= this.#residual + this.#group
      ) {
        this.#packNext(sequences, view);
      }
    }
  }

  /** Packs the oldest block of the sequences that is not packed, and shows it as it is from now on. */
  #packNext(sequences: readonly number[], view: RowStore | undefined): void {
    const [b] = sequences as [number];
    const block = this.#blocks[b]!;
    this.#packed.pack(this.#recent, sequences, block, this.#slot(block));
    if (view) {
      const [to, count] = [block * this.#group, this.#group];
      scope(() => {
        const rows = this.#packed.unpack(block, 1);
        for (const one of sequences) view.copy(rows, { from: 0, to, count, fromB: one, toB: one });
      });
    }
    for (const one of sequences) this.#blocks[one] = block + 1;
  }

  #claim() {
    return this.#workspace.claim(this, this.device, this.spec.rows, this);
  }

  #refill(view: RowStore): void {
    if (this.#blocks.some((blocks) => blocks > 0)) {
      // all blocks, so that the operation has one size
      scope(() => {
        const rows = this.#packed.unpack(0, this.#packed.blocks);
        this.#blocks.forEach((_, b) => {
          view.copy(rows, { from: 0, to: 0, count: this.#packedTokens(b), fromB: b, toB: b });
        });
      });
    }
    this.lengths.forEach((length, b) => {
      for (const { position, slot, count } of this.#runs(this.#packedTokens(b), length))
        view.copy(this.#recent.tensors, { from: slot, to: position, count, fromB: b, toB: b });
    });
  }
}
