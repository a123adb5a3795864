import { ValueError } from '@headwise/tensor';
import { checkCount } from '../checks.ts';
import { PrefixIndex } from './prefix-index.ts';

/** Consecutive rows of one block: `count` from row `offset` on. */
export interface Span {
  readonly block: number;
  readonly offset: number;
  readonly count: number;
}

/** Everything that `BlockTables.restore` needs, as plain numbers. */
export interface BlockTablesRecord {
  readonly blocks: number;
  readonly blockSize: number;
  readonly sequences: readonly {
    readonly id: number;
    readonly length: number;
    readonly table: readonly number[];
  }[];
  readonly nextId: number;
}

interface Sequence {
  length: number;
  /** Block i holds the tokens `i · blockSize …`. */
  readonly table: number[];
}

/**
 * Which blocks of a pool hold which tokens of which sequence: PagedAttention's block tables. It moves no rows
 * itself; `copy` is called when a block must be doubled before it is written.
 *
 * A block belongs to as many sequences as have it in their tables. Only the last block of a sequence is ever
 * written, and only while it belongs to that sequence alone: else the sequence first gets a copy (copy-on-write).
 * Full blocks whose tokens are known (`publish`) are found again by them (`adopt`), even after their last
 * sequence is gone, until the pool needs the block or `evict` forgets it.
 *
 * ```text
 * free + used = blocks        used: in some table; a block kept only to be found again counts as free
 * ```
 *
 * Kwon et al. 2023, "Efficient Memory Management for Large Language Model Serving with PagedAttention", section 4.
 */
export class BlockTables {
  readonly blocks: number;
  readonly blockSize: number;
  readonly #copy: (from: number, to: number, rows: number) => void;
  /** Tables that have the block. */
  readonly #owners: Int32Array;
  /** Blocks that hold nothing, the next to take last. */
  readonly #empty: number[];
  #used = 0;
  readonly #sequences = new Map<number, Sequence>();
  readonly #prefixes = new PrefixIndex();
  #nextId = 0;

  constructor(
    size: { readonly blocks: number; readonly blockSize: number },
    copy: (from: number, to: number, rows: number) => void,
  ) {
    checkCount('paged', 'blocks', size.blocks);
    checkCount('paged', 'blockSize', size.blockSize);
    this.blocks = size.blocks;
    this.blockSize = size.blockSize;
    this.#copy = copy;
    this.#owners = new Int32Array(size.blocks);
    this.#empty = Array.from({ length: size.blocks }, (_, i) => size.blocks - 1 - i);
  }

  /** Blocks in some table. */
  get used(): number {
    return this.#used;
  }

  /** Blocks that an append can take. */
  get free(): number {
    return this.blocks - this.#used;
  }

  /** Sequences there are. */
  get sequences(): readonly number[] {
    return [...this.#sequences.keys()];
  }

  /** A new sequence without tokens. Never throws. */
  open(): number {
    const id = this.#nextId++;
    this.#sequences.set(id, { length: 0, table: [] });
    return id;
  }

  /** Tokens of a sequence. @throws {ValueError} if it is not open. */
  length(id: number): number {
    return this.#of(id).length;
  }

  /** Its blocks, in order. @throws {ValueError} if it is not open. */
  table(id: number): readonly number[] {
    return this.#of(id).table;
  }

  /** Tables that have the block. Never throws. */
  owners(block: number): number {
    return this.#owners[block] ?? 0;
  }

  /** A new sequence with the same tokens; no row is copied. @throws {ValueError} if it is not open. */
  fork(id: number): number {
    const { length, table } = this.#of(id);
    const twin = this.#nextId++;
    for (const block of table) this.#hold(block);
    this.#sequences.set(twin, { length, table: [...table] });
    return twin;
  }

  /** Ends a sequence. @throws {ValueError} if it is ended already. */
  close(id: number): void {
    const { table } = this.#of(id);
    this.#sequences.delete(id);
    // the tail first: what is found by its prefix outlives what needs it
    for (let i = table.length - 1; i >= 0; i--) this.#drop(table[i]!);
  }

  /** Blocks that `tokens` more of a sequence would take. @throws {ValueError} if it is not open. */
  needs(id: number, tokens: number): number {
    return this.needsTogether([{ id, tokens }]);
  }

  /**
   * Blocks that these sequences would take for so many tokens more each, one sequence after the other. Of those that
   * share a block which is not full, each takes a copy but the one that is left alone with it.
   * @throws {ValueError} if one of them is not open.
   */
  needsTogether(appends: readonly { readonly id: number; readonly tokens: number }[]): number {
    const left = new Map<number, number>();
    let needed = 0;
    for (const { id, tokens } of appends) {
      const { length, table } = this.#of(id);
      if (tokens === 0) continue;
      needed += Math.ceil((length + tokens) / this.blockSize) - table.length;
      if (length % this.blockSize === 0) continue;
      const last = table.at(-1)!;
      const owners = left.get(last) ?? this.#owners[last]!;
      if (owners > 1) needed++;
      left.set(last, owners - 1);
    }
    return needed;
  }

  /**
   * Makes room for `tokens` more, and says where their rows go.
   * @throws {ValueError} if the pool has too few blocks; nothing is changed.
   */
  append(id: number, tokens: number): Span[] {
    checkCount('paged.append', 'tokens', tokens, 0);
    const sequence = this.#of(id);
    this.checkRoom(this.needs(id, tokens));
    const spans: Span[] = [];
    for (let left = tokens; left > 0; ) {
      const offset = sequence.length % this.blockSize;
      const count = Math.min(left, this.blockSize - offset);
      spans.push({ block: this.#writable(sequence, offset), offset, count });
      sequence.length += count;
      left -= count;
    }
    return spans;
  }

  /** @throws {ValueError} if the pool has too few blocks. */
  checkRoom(needed: number): void {
    if (needed <= this.free) return;
    throw new ValueError(
      'paged.append',
      'the pool',
      `must have ${needed} free blocks of ${this.blockSize} tokens (crop or dispose other sequences, or create the pool larger)`,
      `${this.free} of ${this.blocks}`,
    );
  }

  /** Takes back the tokens from position `length` on. @throws {ValueError} if there are not so many, or it is not open. */
  crop(id: number, length: number): void {
    const sequence = this.#of(id);
    if (!(Number.isInteger(length) && length >= 0 && length <= sequence.length)) {
      const rule = `must be a whole number from 0 to ${sequence.length}, the present length`;
      throw new ValueError('paged.crop', 'length', rule, length);
    }
    const keep = Math.ceil(length / this.blockSize);
    while (sequence.table.length > keep) this.#drop(sequence.table.pop()!);
    sequence.length = length;
  }

  /**
   * Says which tokens a sequence holds, so that others find its full blocks. A block whose prefix is known
   * already is given up for the one that is found.
   *
   * @param tokens the ids from position 0 on; the rows of equal prefixes are taken to be equal (one model)
   * @throws {ValueError} if the sequence is not open.
   */
  publish(id: number, tokens: ArrayLike<number>): void {
    const { length, table } = this.#of(id);
    const full = Math.floor(Math.min(length, tokens.length) / this.blockSize);
    let prefix = PrefixIndex.root;
    for (let i = 0; i < full; i++) {
      const known = this.#prefixes.publish(prefix, this.#slice(tokens, i), table[i]!);
      if (known.block !== table[i]) {
        this.#hold(known.block);
        this.#drop(table[i]!);
        table[i] = known.block;
      }
      prefix = known.prefix;
    }
  }

  /** How many of these tokens, from position 0 on, stand in published blocks. Never throws. */
  match(tokens: ArrayLike<number>): number {
    return this.#find(tokens).length * this.blockSize;
  }

  /**
   * Gives an empty sequence the published blocks of these tokens, at most `most` tokens of them.
   * @returns the tokens it now holds
   * @throws {ValueError} if the sequence has tokens, or is not open.
   */
  adopt(id: number, tokens: ArrayLike<number>, most = Infinity): number {
    const sequence = this.#of(id);
    if (sequence.length > 0) {
      throw new ValueError('paged.adopt', 'the sequence', 'must be empty', `${sequence.length} tokens`);
    }
    for (const block of this.#find(tokens).slice(0, Math.floor(most / this.blockSize))) {
      this.#hold(block);
      sequence.table.push(block);
      sequence.length += this.blockSize;
    }
    return sequence.length;
  }

  /** Forgets up to `count` blocks that no sequence has, the longest unused first. @returns how many. Never throws. */
  evict(count = Infinity): number {
    let evicted = 0;
    for (; evicted < count; evicted++) {
      const block = this.#prefixes.takeOldest();
      if (block === undefined) break;
      this.#empty.push(block);
    }
    return evicted;
  }

  /**
   * Fills empty sequences with `count` new blocks, of which a table names the n-th by n: what a file says.
   * @returns the blocks, in that order
   * @throws {ValueError} if the pool has too few blocks, or a sequence is not open.
   */
  fill(
    sequences: readonly { readonly id: number; readonly length: number; readonly table: readonly number[] }[],
    count: number,
  ): readonly number[] {
    this.checkRoom(count);
    const taken = Array.from({ length: count }, () => this.#takeEmpty());
    for (const { id, length, table } of sequences) {
      const sequence = this.#of(id);
      sequence.table.push(...table.map((n) => taken[n]!));
      sequence.length = length;
      for (const block of sequence.table) this.#hold(block);
    }
    return taken;
  }

  /** The tables as plain numbers. What was published is not among them. Never throws. */
  record(): BlockTablesRecord {
    const { blocks, blockSize } = this;
    const sequences = [...this.#sequences].map(([id, { length, table }]) => ({
      id,
      length,
      table: [...table],
    }));
    return { blocks, blockSize, sequences, nextId: this.#nextId };
  }

  /** Tables as they were recorded. @throws {ValueError} if the record contradicts itself. */
  static restore(
    record: BlockTablesRecord,
    copy: (from: number, to: number, rows: number) => void,
  ): BlockTables {
    const tables = new BlockTables(record, copy);
    const wrong = (what: string, got: unknown): never => {
      throw new ValueError('paged.restore', 'the record', what, got);
    };
    for (const { id, length, table } of record.sequences) {
      if (tables.#sequences.has(id) || id >= record.nextId) wrong('must name each sequence once', id);
      if (table.length !== Math.ceil(length / record.blockSize))
        wrong('must have the blocks of its length', length);
      for (const block of table) {
        if (!(Number.isInteger(block) && block >= 0 && block < record.blocks))
          wrong('must name blocks it has', block);
        tables.#hold(block);
      }
      tables.#sequences.set(id, { length, table: [...table] });
    }
    tables.#nextId = record.nextId;
    tables.#empty.splice(0, Infinity, ...tables.#empty.filter((block) => tables.#owners[block] === 0));
    return tables;
  }

  #of(id: number): Sequence {
    const sequence = this.#sequences.get(id);
    if (sequence) return sequence;
    throw new ValueError('paged', 'the sequence', 'must be open; it was freed, or never there', id);
  }

  /** The block that holds row `offset` of the next token, alone in this table. */
  #writable(sequence: Sequence, offset: number): number {
    const { table } = sequence;
    if (offset === 0) {
      const block = this.#takeEmpty();
      this.#hold(block);
      table.push(block);
      return block;
    }
    const last = table.at(-1)!;
    if (this.#owners[last] === 1) {
      this.#prefixes.forget(last);
      return last;
    }
    const copy = this.#takeEmpty();
    try {
      this.#copy(last, copy, offset);
    } catch (error) {
      this.#empty.push(copy);
      throw error;
    }
    this.#hold(copy);
    this.#drop(last);
    table[table.length - 1] = copy;
    return copy;
  }

  #takeEmpty(): number {
    return this.#empty.pop() ?? this.#prefixes.takeOldest()!;
  }

  #hold(block: number): void {
    if (this.#owners[block]!++ > 0) return;
    this.#used++;
    this.#prefixes.setIdle(block, false);
  }

  #drop(block: number): void {
    if (--this.#owners[block]! > 0) return;
    this.#used--;
    if (!this.#prefixes.setIdle(block, true)) this.#empty.push(block);
  }

  #find(tokens: ArrayLike<number>): number[] {
    const found: number[] = [];
    let prefix = PrefixIndex.root;
    for (let i = 0; (i + 1) * this.blockSize <= tokens.length; i++) {
      const known = this.#prefixes.find(prefix, this.#slice(tokens, i));
      if (!known) break;
      found.push(known.block);
      prefix = known.prefix;
    }
    return found;
  }

  #slice(tokens: ArrayLike<number>, i: number): number[] {
    return Array.from({ length: this.blockSize }, (_, j) => tokens[i * this.blockSize + j]!);
  }
}
