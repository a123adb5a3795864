import { type StateView, ValueError } from '@headwise/tensor';
import type { Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import { tablesIn } from '../format/bookkeeping.ts';
import { mismatch } from '../format/errors.ts';
import { checkFits, hostRows, type Snapshot, sectionsOf } from '../format/snapshot.ts';
import { createPagedPool, type PagedPool } from '../paging/pool.ts';
import { RowsCache } from '../rows-cache.ts';
import { checkRoom, movesInOrder, type Placement } from '../tokens.ts';
import { Workspace } from '../workspace.ts';

/**
 * Tokens in blocks of a pool that many sequences share: no sequence reserves more than it uses (but for its last
 * block), and a common prefix is stored once.
 *
 * ```text
 * pool   k [blocks · 16, Hkv, D]          sequence 0: blocks 4 7 2     sequence 1: blocks 4 7 9
 * view   k [B, capacity, Hkv, D]          rows in order, as attention reads them, each sequence by its own length
 * ```
 *
 * `clone` and `take` copy tables, not rows; a block that two sequences have is copied when one of them writes
 * into it. `publish` says which ids the sequences hold, and `adopt` gives a new sequence the blocks of a prefix
 * that any sequence of the pool has published. Attention reads rows in order, so a running cache keeps them in a
 * workspace too; caches that take turns can share one (`createWorkspace`), and an idle conversation then costs
 * its blocks alone.
 *
 * Kwon et al. 2023, "Efficient Memory Management for Large Language Model Serving with PagedAttention".
 */
export const paged = defineCache({
  name: 'paged',
  title: 'Paged cache with prefix sharing',
  summary: 'Keeps tokens in blocks of a shared pool: common prefixes once, copies only when they part.',
  holds: ['full', 'latent', 'window'],
  fidelity: 'exact',
  paper: {
    title: 'Efficient Memory Management for Large Language Model Serving with PagedAttention',
    authors: 'Kwon et al.',
    year: 2023,
    arxiv: '2309.06180',
  },
  defaults: { blockSize: 16 },
  create: createPaged,
});

/** What a paged cache is made from. */
export interface PagedOptions extends CacheOptions {
  /** A pool of this layer to take blocks from; the caller frees it. Default one of its own. */
  readonly pool?: PagedPool | undefined;
  /** Tokens of a block of the own pool. Default 16. */
  readonly blockSize?: number | undefined;
  /** Blocks of the own pool, which clones share. Default as many as B full sequences need. */
  readonly blocks?: number | undefined;
  /** Memory for the view, shared with other caches. Default an own one. */
  readonly workspace?: Workspace | undefined;
}

/** A paged cache can find the tokens it holds again. */
export interface PagedCache extends Cache {
  readonly pool: PagedPool;
  /** Blocks of the pool that each sequence has, in order, `[B]`. */
  readonly tables: readonly (readonly number[])[];
  /**
   * Says which ids the sequences hold, so that `adopt` finds their full blocks.
   * @param tokens one row a sequence, from position 0 on
   * @throws {ValueError} if there is not one list of ids for each sequence.
   * @throws {DeviceError} if the cache is disposed.
   */
  publish(tokens: readonly ArrayLike<number>[]): void;
  /**
   * Takes the longest published prefix of these ids, the same number of tokens in every sequence, and never the last
   * id: the model goes on from there, and needs one to compute the logits of what follows. The cache must be empty.
   * @returns the tokens it now holds: a multiple of the block size
   * @throws {ValueError} if the cache holds tokens, or there is not one list of ids for each sequence.
   * @throws {DeviceError} if the cache is disposed.
   */
  adopt(tokens: readonly ArrayLike<number>[]): number;
}

/** @throws {ValueError} for sizes that are not whole numbers ≥ 1, or a pool of another layer or device. */
export function createPaged(options: PagedOptions): PagedCache {
  return new PagedSequences(options);
}

/** A pool of a cache's own and how many caches (it and its clones) still use it. */
interface OwnPool {
  users: number;
}

class PagedSequences extends RowsCache implements PagedCache {
  readonly kind = 'paged';
  readonly pool: PagedPool;
  readonly #options: PagedOptions;
  /** Undefined when the pool is the caller's. */
  readonly #own: OwnPool | undefined;
  /** Whether this cache reports the bytes of the pool. */
  readonly #reportsPool: boolean;
  readonly #workspace: Workspace;
  /** Ids in the tables, [B]. */
  #ids: number[];

  constructor(options: PagedOptions, from?: PagedSequences) {
    super('paged', options, ['full', 'latent', 'window'], { pools: true });
    const { device, spec, B, capacity, blockSize = 16 } = options;
    this.#options = options;
    this.#own = from ? from.#own : options.pool ? undefined : { users: 0 };
    this.#reportsPool = this.#own !== undefined && !from;
    const blocks = options.blocks ?? B * Math.ceil(capacity / blockSize);
    this.pool = from?.pool ?? options.pool ?? createPagedPool({ device, spec, blocks, blockSize });
    if (this.pool.device !== device || JSON.stringify(this.pool.spec.rows) !== JSON.stringify(spec.rows)) {
      throw new ValueError('paged', 'pool', `must hold the rows of this layer on ${device.name}`, 'another');
    }
    if (this.#own) this.#own.users++;
    this.#workspace = (options.workspace ?? new Workspace()).join();
    const { tables } = this.pool;
    this.#ids = Array.from({ length: B }, (_, b) => (from ? tables.fork(from.#ids[b]!) : tables.open()));
  }

  get held(): number {
    return this.length;
  }

  get tables(): readonly (readonly number[])[] {
    return this.#ids.map((id) => this.pool.tables.table(id));
  }

  publish(tokens: readonly ArrayLike<number>[]): void {
    this.checkAlive('publish');
    this.#checkTokens('publish', tokens);
    this.#ids.forEach((id, b) => {
      this.pool.tables.publish(id, tokens[b]!);
    });
  }

  adopt(tokens: readonly ArrayLike<number>[]): number {
    this.checkAlive('adopt');
    this.#checkTokens('adopt', tokens);
    if (this.length > 0)
      throw new ValueError('paged.adopt', 'the cache', 'must be empty (reset it)', `${this.length} tokens`);
    const { tables } = this.pool;
    const most = tokens.map((row) => Math.min(tables.match(row), Math.max(0, row.length - 1)));
    const found = Math.min(this.capacity, this.limit, ...most);
    const adopted = this.#ids.map((id, b) => tables.adopt(id, tokens[b]!, found));
    this.#workspace.forget(this);
    this.settle(adopted);
    return this.length;
  }

  protected override checkPut(placed: Placement): void {
    checkRoom('paged.append', placed, this.capacity);
    const { tables } = this.pool;
    tables.checkRoom(tables.needsTogether(this.#ids.map((id, b) => ({ id, tokens: placed.counts[b]! }))));
  }

  protected put(rows: Rows, placed: Placement): void {
    const { tables } = this.pool;
    const sequences = this.#ids.map((id, b) => {
      const spans = tables.append(id, placed.counts[b]!);
      return { spans, pieces: placed.pieces[b]! };
    });
    this.pool.write(rows, sequences);
    if (this.#workspace.isOwner(this)) this.#claim().store.put(rows, movesInOrder(placed));
  }

  protected look(placed: Placement | undefined): StateView {
    const { store, stale } = this.#claim();
    try {
      if (stale) this.pool.gatherInto(store, this.#ids, this.length);
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
    this.#ids.forEach((id, b) => {
      this.pool.tables.crop(id, lengths[b]!);
    });
  }

  protected rearrange(order: readonly number[]): void {
    const { tables } = this.pool;
    this.pooled?.take(order);
    if (order.length !== this.B) this.#workspace.forget(this);
    if (this.#workspace.isOwner(this)) this.#claim().store.take(order, (b) => this.lengths[b]!);
    const before = this.#ids;
    this.#ids = order.map((from) => tables.fork(before[from]!));
    for (const id of before) tables.close(id);
  }

  protected copy(): PagedSequences {
    const twin = new PagedSequences({ ...this.#options, B: this.B }, this);
    if (this.pooled) twin.pooled!.copy(this.pooled);
    return twin;
  }

  /** `used` counts whole blocks, each once however many of the sequences have it. */
  protected measure(): CacheBytes {
    const { tables, blockBytes, blockSize, bytes } = this.pool;
    const blocks = new Set(this.#ids.flatMap((id) => tables.table(id)));
    const view = this.#workspace.bytesFor(this) + this.indexBytes;
    return {
      used: blocks.size * blockBytes,
      full: this.B * Math.ceil(this.capacity / blockSize) * blockBytes,
      device: view + (this.#reportsPool ? bytes : 0),
    };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const { tables, blockSize, store } = this.pool;
    const blocks = [...new Set(this.#ids.flatMap((id) => tables.table(id)))];
    const state = {
      blockSize,
      blocks: blocks.length,
      tables: this.#ids.map((id) => tables.table(id).map((block) => blocks.indexOf(block))),
    };
    const read = store.read(() => blocks.map((block) => ({ start: block * blockSize, count: blockSize })));
    return { state, sections: sectionsOf(await read) };
  }

  protected accept(snapshot: Snapshot): () => void {
    const { lengths } = snapshot;
    const { tables, blockSize } = this.pool;
    const { blocks: count, tables: named, ...theirs } = tablesIn(snapshot);
    if (theirs.blockSize !== blockSize)
      throw mismatch(`blocks of ${theirs.blockSize} tokens, this cache has blocks of ${blockSize}`);
    checkFits(this, lengths, Math.min(this.capacity, this.limit));
    checkFits(this, [count * blockSize], (tables.free + this.#releasable()) * blockSize);
    const host = hostRows(snapshot, count * blockSize);
    return () => {
      for (const id of this.#ids) tables.crop(id, 0);
      const sequences = this.#ids.map((id, b) => ({ id, length: lengths[b]!, table: named[b]! }));
      tables.fill(sequences, count).forEach((block, n) => {
        this.pool.store.fill(host, 0, { from: n * blockSize, to: block * blockSize, count: blockSize });
      });
      this.#workspace.forget(this);
    };
  }

  protected override free(): void {
    super.free();
    for (const id of this.#ids) this.pool.tables.close(id);
    this.#workspace.leave(this);
    if (this.#own && --this.#own.users === 0) this.pool.dispose();
  }

  /** Blocks that come free when these sequences end. */
  #releasable(): number {
    const mine = new Map<number, number>();
    for (const block of this.#ids.flatMap((id) => this.pool.tables.table(id))) {
      mine.set(block, (mine.get(block) ?? 0) + 1);
    }
    return [...mine].filter(([block, tables]) => this.pool.tables.owners(block) === tables).length;
  }

  #claim() {
    return this.#workspace.claim(this, this.device, this.spec.rows, this);
  }

  #checkTokens(what: string, tokens: readonly ArrayLike<number>[]): void {
    const rule = `must have one row of ids for each of the ${this.B} sequences`;
    const lists = Array.isArray(tokens) && tokens.every((row) => typeof row?.length === 'number');
    if (!lists) throw new ValueError(`paged.${what}`, 'tokens', rule, tokens);
    if (tokens.length !== this.B)
      throw new ValueError(`paged.${what}`, 'tokens', rule, `${tokens.length} rows`);
  }
}
