import {
  checkPool,
  type LayerSpec,
  type Pool,
  type Positions,
  type StateView,
  scope,
  type Tokens,
  ValueError,
} from '@headwise/tensor';
import { BaseCache } from './base.ts';
import { checkColumns, checkPooled, checkRows, type IndexTensor, type Rows } from './checks.ts';
import type { CacheBytes, CacheOptions } from './contract.ts';
import type { Snapshot } from './format/snapshot.ts';
import { Indices } from './indices.ts';
import { PooledStore } from './pooled-store.ts';
import { roundedRows } from './row-store.ts';
import { isLevel, type Placement } from './tokens.ts';
import { type Seen, View } from './view.ts';

/** What a cache itself says of a view; where its queries stand is added where it is not among it. */
export type Shown = Pick<StateView, 'rows' | 'valid' | 'keyUntil' | 'turnQueriesAt'> & {
  readonly keyPositions?: IndexTensor | undefined;
  readonly queryPositions?: IndexTensor | undefined;
};

/**
 * What all caches of rows do alike: an append is checked, written, and shown; one that fails is taken back.
 *
 * While all sequences are equally long a view needs no positions of its queries. Once they differ it names them
 * row by row, and goes on to do so until a call other than an append makes them equal: the form of a view does not
 * change from step to step.
 */
export abstract class RowsCache extends BaseCache {
  protected readonly adding = 'append';
  /** Whether sequences differ, or have differed since they were last set. */
  protected ragged = false;
  /** What is kept once every so many tokens. */
  protected readonly pooled: PooledStore | undefined;
  /** The append that the present view belongs to. */
  protected last: Placement | undefined;
  readonly #cursor: Indices; // [2]
  readonly #queries: Indices; // [B, L]
  readonly #keys: Indices; // [B, capacity], of caches whose slots are in order
  /** How many slots of each sequence `#keys` shows. */
  #marked: number[] = [];
  #current: StateView | undefined;
  /** Tokens whose rows are still to come. */
  #announced: Positions | undefined;

  constructor(
    kind: string,
    options: CacheOptions,
    holds: readonly LayerSpec['kind'][],
    { keepsFormats = false, pools = false }: { keepsFormats?: boolean; pools?: boolean } = {},
  ) {
    super(kind, options, holds, keepsFormats);
    checkPooled(kind, options, pools);
    if (this.spec.pooled) this.pooled = new PooledStore(this.device, this.spec, this.B, this.capacity);
    this.#cursor = new Indices(this.device);
    this.#queries = new Indices(this.device);
    this.#keys = new Indices(this.device);
  }

  append(rows: Rows, at?: Positions, pool?: Pool): StateView {
    this.checkAlive('append');
    const op = `${this.kind}.append`;
    const L = checkRows(op, this, rows);
    if (at !== undefined && at === this.#announced) return this.#follow(rows);
    if (at) checkColumns(op, at, L);
    checkPool(op, this.spec, pool);
    this.gate?.(at ?? L);
    const placed = this.place(at ?? L);
    try {
      const { format } = this;
      if (format === undefined) this.put(rows, placed, at);
      else scope(() => this.put(roundedRows(op, rows, format), placed, at));
      super.settle(placed.after);
      this.ragged ||= !isLevel(placed.after);
      this.last = placed;
      const view = this.look(placed);
      if (pool) this.pooled?.make(op, view.rows, placed.after, pool);
      this.#current = view;
      return view;
    } catch (error) {
      this.#takeBack(placed.before);
      throw error;
    }
  }

  override restore(snapshot: Snapshot): () => void {
    const step = super.restore(snapshot);
    return () => {
      this.pooled?.forget();
      step();
    };
  }

  announce(at: Positions): StateView | undefined {
    this.checkAlive('announce');
    if (this.format !== undefined || this.pooled || at.shape[1] !== 1) return undefined;
    const placed = this.place(at);
    try {
      if (!this.putSlots(placed)) return undefined;
      super.settle(placed.after);
      this.ragged ||= !isLevel(placed.after);
      this.last = placed;
      this.#current = this.look(placed);
      this.#announced = at;
      // whoever reads it does so in memory, where it is to stand before
      void this.#current.cursor;
      return this.#current;
    } catch (error) {
      this.#takeBack(placed.before);
      throw error;
    }
  }

  view(): StateView {
    this.checkAlive('view');
    if (!this.#current || !this.isFresh()) this.#current = this.look(this.last);
    return this.#current;
  }

  constants(): Rows {
    return {};
  }

  advance(_constants: Rows, _tokens: Tokens): void {
    throw new ValueError(
      `${this.kind}.advance`,
      'the state',
      'must be recurrent; this layer keeps rows, which append adds',
      this.spec.kind,
    );
  }

  override bytes(): CacheBytes {
    const rows = super.bytes();
    const pooled = this.pooled?.bytes;
    if (!pooled) return rows;
    const { used, full, device } = rows;
    return { used: used + pooled.used, full: full + pooled.full, device: device + pooled.device };
  }

  /** Bytes of what views need beside the rows. */
  protected get indexBytes(): number {
    return this.#cursor.bytes + this.#queries.bytes + this.#keys.bytes;
  }

  protected override settle(lengths: readonly number[]): void {
    super.settle(lengths);
    this.pooled?.trim(lengths);
    this.#announced = undefined;
    this.ragged = !isLevel(lengths);
    this.last = undefined;
    this.#current = undefined;
  }

  protected override free(): void {
    for (const indices of [this.#cursor, this.#queries, this.#keys]) indices.clear();
    this.pooled?.dispose();
  }

  /** Writes tokens that `checkPut` has passed. When it fails, `trim` is called with the lengths of before. */
  protected abstract put(rows: Rows, placed: Placement, at: Positions | undefined): void;
  /** The slots of such tokens, in memory, where rows go by them; whether they do. */
  protected putSlots(_placed: Placement): boolean {
    return false;
  }
  /** The rows of tokens whose slots stand in memory. */
  protected putRows(_rows: Rows): void {}
  /** What attention may read now: after an append, or after a call that left no queries. */
  protected abstract look(placed: Placement | undefined): StateView;
  /** Whether the rows of the present view are still there. */
  protected isFresh(): boolean {
    return true;
  }

  /** Adds to a view where its queries stand, and its numbers on the device: written when they are asked for. */
  protected show(shown: Shown, placed: Placement | undefined): StateView {
    const { valid, keyPositions, keyUntil, turnQueriesAt } = shown;
    const rows = this.pooled ? { ...shown.rows, ...this.pooled.tensors } : shown.rows;
    const offset = placed ? Math.max(...placed.before) : this.length;
    const queryPositions = shown.queryPositions ?? this.#placeQueries(placed);
    const seen = { rows, valid, offset, keyPositions, queryPositions, keyUntil, turnQueriesAt };
    return new View(seen as Seen, this.#cursorOf);
  }

  /** The cursor, which holds the numbers of the present view. */
  readonly #cursorOf = (view: StateView): IndexTensor => {
    if (view === this.#current) return this.#cursor.set(Int32Array.of(view.offset, view.valid), [2]);
    this.#cursor.reshape([2]);
    return this.#cursor.tensor;
  };

  /** Positions of the slots of a cache whose slot j holds position j: nothing while all sequences are equally long. */
  protected keysInOrder(): IndexTensor | undefined {
    if (!this.ragged) {
      this.#keys.clear();
      return undefined;
    }
    if (this.#keys.reshape([this.B, this.capacity])) this.#marked = this.lengths.map(() => 0);
    this.lengths.forEach((length, b) => {
      const marked = this.#marked[b]!;
      const [from, to] = [Math.min(marked, length), Math.max(marked, length)];
      const positions = Int32Array.from({ length: to - from }, (_, i) => (from + i < length ? from + i : -1));
      this.#keys.write(b * this.capacity + from, positions);
      this.#marked[b] = length;
    });
    return this.#keys.tensor;
  }

  /** The rows that were announced. */
  #follow(rows: Rows): StateView {
    this.#announced = undefined;
    this.putRows(rows);
    return this.#current!;
  }

  #placeQueries(placed: Placement | undefined): IndexTensor | undefined {
    if (!placed || placed.L === 0 || (placed.even && !this.ragged)) {
      this.#queries.clear();
      return undefined;
    }
    return this.#queries.set(queriesOf(placed), [this.B, placed.L]);
  }

  /** A failed append has moved no length; what it wrote is let go. */
  #takeBack(lengths: readonly number[]): void {
    try {
      this.cut(lengths);
    } catch {
      // the device is gone: the error of the append, which is thrown, says so
      this.settle(lengths);
    }
  }
}

/** Positions `[B, L]` of the tokens of an append, −1 for nobody. */
export function queriesOf({ L, pieces }: Placement): Int32Array {
  const positions = new Int32Array(pieces.length * L).fill(-1);
  pieces.forEach((list, b) => {
    for (const { from, position, count } of list)
      for (let i = 0; i < count; i++) positions[b * L + from + i] = position + i;
  });
  return positions;
}
