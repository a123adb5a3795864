import { ValueError } from '@headwise/tensor';
import { randomIndex } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { BlockTables, type BlockTablesRecord } from './block-tables.ts';

const BLOCKS = 48;
const BLOCK_SIZE = 4;

/** The pool as whole numbers, one a token; and for each sequence the plain list it must be equal to. */
class Model {
  rows: Int32Array = new Int32Array(BLOCKS * BLOCK_SIZE);
  tables = new BlockTables({ blocks: BLOCKS, blockSize: BLOCK_SIZE }, (...copy) => this.copyBlock(...copy));
  readonly twins = new Map<number, number[]>();
  saved:
    | { readonly rows: Int32Array; readonly record: BlockTablesRecord; readonly twins: Map<number, number[]> }
    | undefined;
  /** Operations that were done, and appends that were refused because the pool was full. */
  readonly done: Record<string, number> = {};
  #copies = 0;

  copyBlock(from: number, to: number, count: number): void {
    this.#copies++;
    this.rows.copyWithin(to * BLOCK_SIZE, from * BLOCK_SIZE, from * BLOCK_SIZE + count);
  }

  get copies(): number {
    return this.#copies;
  }

  count(what: string): void {
    this.done[what] = (this.done[what] ?? 0) + 1;
  }

  append(id: number, tokens: readonly number[]): void {
    const twin = this.twins.get(id)!;
    const needed = this.tables.needs(id, tokens.length);
    const free = this.tables.free;
    if (needed > free) {
      const before = JSON.stringify(this.tables.record());
      expect(() => this.tables.append(id, tokens.length)).toThrow(ValueError);
      expect(JSON.stringify(this.tables.record())).toBe(before);
      this.count('refused');
      return;
    }
    let next = 0;
    for (const { block, offset, count } of this.tables.append(id, tokens.length)) {
      for (let i = 0; i < count; i++) this.rows[block * BLOCK_SIZE + offset + i] = tokens[next++]!;
    }
    expect(next).toBe(tokens.length);
    twin.push(...tokens);
    this.count('append');
  }

  /** Every sequence is its twin, read row by row through its table. */
  checkSequence(id: number): void {
    const twin = this.twins.get(id)!;
    const table = this.tables.table(id);
    if (this.tables.length(id) !== twin.length || table.length !== Math.ceil(twin.length / BLOCK_SIZE)) {
      throw new Error(
        `sequence ${id} has ${this.tables.length(id)} tokens in ${table.length} blocks, not ${twin.length}`,
      );
    }
    for (let i = 0; i < twin.length; i++) {
      const row = this.rows[table[Math.floor(i / BLOCK_SIZE)]! * BLOCK_SIZE + (i % BLOCK_SIZE)];
      if (row !== twin[i]) throw new Error(`token ${i} of sequence ${id} is ${row}, not ${twin[i]}`);
    }
  }

  /** The books agree with the tables. */
  checkBooks(): void {
    const owners = new Int32Array(BLOCKS);
    for (const id of this.twins.keys()) for (const block of this.tables.table(id)) owners[block]!++;
    let used = 0;
    owners.forEach((count, block) => {
      if (count > 0) used++;
      if (this.tables.owners(block) !== count) {
        throw new Error(`block ${block} is in ${count} tables, its count says ${this.tables.owners(block)}`);
      }
    });
    const { free, used: said } = this.tables;
    if (said !== used || free + said !== BLOCKS)
      throw new Error(`free ${free} + used ${said} of ${BLOCKS}; in tables ${used}`);
  }

  checkAll(): void {
    this.checkBooks();
    for (const id of this.twins.keys()) this.checkSequence(id);
  }
}

/** One random operation. Tokens are few, so that prefixes meet. */
function operate(model: Model, pick: (n: number) => number): void {
  const ids = [...model.twins.keys()];
  const id = ids[pick(ids.length)];
  const what = pick(100);
  if (id === undefined || (what < 4 && ids.length < 12)) {
    model.twins.set(model.tables.open(), []);
    model.count('open');
  } else if (what < 55) {
    const tokens = Array.from({ length: 1 + pick(pick(8) === 0 ? 11 : 2) }, () => pick(2));
    model.append(id, tokens);
  } else if (what < 65) {
    if (ids.length >= 16) return;
    model.twins.set(model.tables.fork(id), [...model.twins.get(id)!]);
    model.count('fork');
  } else if (what < 74) {
    model.tables.close(id);
    model.twins.delete(id);
    expect(() => model.tables.close(id)).toThrow(
      'paged: the sequence must be open; it was freed, or never there',
    );
    model.count('free');
  } else if (what < 84) {
    const twin = model.twins.get(id)!;
    twin.length = pick(twin.length + 1);
    model.tables.crop(id, twin.length);
    model.count('crop');
  } else if (what < 90) {
    model.tables.publish(id, model.twins.get(id)!);
    model.count('publish');
  } else if (what < 95) {
    adopt(model, model.twins.get(id)!);
  } else if (what < 97) {
    const free = model.tables.free;
    model.tables.evict(1 + pick(5));
    expect(model.tables.free).toBe(free);
    model.count('evict');
  } else if (what === 97) {
    save(model);
  } else if (what === 98 && model.saved) {
    load(model);
  }
}

function adopt(model: Model, tokens: readonly number[]): void {
  const fresh = model.tables.open();
  const matched = model.tables.match(tokens);
  const adopted = model.tables.adopt(fresh, tokens);
  expect(adopted).toBe(matched);
  model.twins.set(fresh, tokens.slice(0, adopted));
  model.checkSequence(fresh);
  if (adopted > 0) model.count('adopt');
}

function save(model: Model): void {
  const record = JSON.parse(JSON.stringify(model.tables.record()));
  const twins = new Map([...model.twins].map(([id, tokens]) => [id, [...tokens]]));
  model.saved = { rows: model.rows.slice(), record, twins };
  model.count('save');
}

function load(model: Model): void {
  const { rows, record, twins } = model.saved!;
  model.rows = rows.slice();
  model.tables = BlockTables.restore(record, (...copy) => model.copyBlock(...copy));
  model.twins.clear();
  for (const [id, tokens] of twins) model.twins.set(id, [...tokens]);
  model.checkAll();
  model.count('load');
}

// a million of them where there is time: npm run test:long
const OPERATIONS = process.env.HEADWISE_LONG === '1' ? 1_000_000 : 200_000;

describe(`${OPERATIONS} random operations`, () => {
  it.each([1, 2, 3, 4])('seed %i: the books balance and every sequence is its twin', (seed) => {
    const model = new Model();
    const pick = randomIndex(seed);
    for (let step = 0; step < OPERATIONS / 4; step++) {
      operate(model, pick);
      if (step % 16 === 0) model.checkBooks();
      if (step % 64 === 0) model.checkAll();
    }
    model.checkAll();
    // every kind of operation really happened, and so did what they are about
    for (const what of [
      'append',
      'refused',
      'fork',
      'free',
      'crop',
      'publish',
      'adopt',
      'evict',
      'save',
      'load',
    ]) {
      expect([what, (model.done[what] ?? 0) > 100]).toEqual([what, true]);
    }
    expect(model.copies).toBeGreaterThan(1000);
    for (const id of [...model.twins.keys()]) model.tables.close(id);
    model.tables.evict();
    expect([model.tables.free, model.tables.used]).toEqual([BLOCKS, 0]);
  });
});

const size = { blocks: 8, blockSize: 4 };
const noCopy = () => {
  throw new Error('nothing is to be copied');
};

it('a fork shares every block until one of the two writes', () => {
  const copies: number[][] = [];
  const tables = new BlockTables(size, (...copy) => copies.push(copy));
  const a = tables.open();
  tables.append(a, 6);
  const b = tables.fork(a);
  expect([tables.used, tables.table(b)]).toEqual([2, tables.table(a)]);
  const [shared, partial] = tables.table(a) as [number, number];
  expect(tables.append(b, 1)).toEqual([{ block: 2, offset: 2, count: 1 }]);
  expect(copies).toEqual([[partial, 2, 2]]);
  expect([tables.table(a), tables.table(b)]).toEqual([
    [shared, partial],
    [shared, 2],
  ]);
  tables.append(a, 1);
  expect(copies).toHaveLength(1);
});

it('finds a published prefix, also after its sequence is gone, until the pool needs the block', () => {
  const tables = new BlockTables(size, noCopy);
  const a = tables.open();
  tables.append(a, 10);
  tables.publish(a, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(tables.match([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toBe(8);
  expect(tables.match([1, 2, 3, 4, 5, 6, 7, 0])).toBe(4);
  // the same tokens after another prefix are another content
  expect(tables.match([5, 6, 7, 8])).toBe(0);
  tables.close(a);
  expect([tables.free, tables.match([1, 2, 3, 4, 5, 6, 7, 8])]).toEqual([8, 8]);
  const b = tables.open();
  expect(tables.adopt(b, [1, 2, 3, 4, 5, 6, 7, 8], 7)).toBe(4);
  const c = tables.open();
  tables.append(c, 7 * 4);
  expect([tables.free, tables.match([1, 2, 3, 4, 5, 6, 7, 8])]).toEqual([0, 4]);
});

it('a block that is written again is not found by its old tokens', () => {
  const tables = new BlockTables(size, noCopy);
  const a = tables.open();
  tables.append(a, 4);
  tables.publish(a, [1, 2, 3, 4]);
  tables.crop(a, 3);
  tables.append(a, 1);
  expect(tables.match([1, 2, 3, 4])).toBe(0);
});

it('a block whose tokens are said anew is not found by the old ones, nor what followed them', () => {
  const tables = new BlockTables(size, noCopy);
  const a = tables.open();
  tables.append(a, 8);
  tables.publish(a, [1, 2, 3, 4, 5, 6, 7, 8]);
  tables.publish(a, [9, 2, 3, 4, 5, 6, 7, 8]);
  expect([tables.match([1, 2, 3, 4]), tables.match([1, 2, 3, 4, 5, 6, 7, 8])]).toEqual([0, 0]);
  expect(tables.match([9, 2, 3, 4, 5, 6, 7, 8])).toBe(8);
});

it('gives up the blocks that were unused longest, a prefix after what needs it', () => {
  const tables = new BlockTables(size, noCopy);
  const texts = [
    [1, 1, 1, 1, 2, 2, 2, 2],
    [3, 3, 3, 3],
    [4, 4, 4, 4],
  ];
  const ids = texts.map((text) => {
    const id = tables.open();
    tables.append(id, text.length);
    tables.publish(id, text);
    return id;
  });
  const found = () => texts.map((text) => tables.match(text));
  for (const id of ids) tables.close(id);
  expect(found()).toEqual([8, 4, 4]);
  // used again, the second is now the youngest
  const again = tables.open();
  expect(tables.adopt(again, texts[1]!)).toBe(4);
  tables.close(again);
  expect(tables.evict(1)).toBe(1);
  expect(found()).toEqual([4, 4, 4]); // the tail of the first, whose head is still found
  tables.evict(1);
  expect(found()).toEqual([0, 4, 4]);
  tables.evict(1);
  expect(found()).toEqual([0, 4, 0]);
  // a pool that needs a block takes them in the same order, and the empty ones first
  const last = tables.open();
  tables.append(last, 7 * 4);
  expect(found()).toEqual([0, 4, 0]);
  tables.append(last, 1);
  expect(found()).toEqual([0, 0, 0]);
});

it('two sequences that publish the same prefix store it once', () => {
  const tables = new BlockTables(size, noCopy);
  const prefix = [1, 2, 3, 4, 5, 6, 7, 8];
  const [a, b] = [tables.open(), tables.open()];
  for (const id of [a, b]) tables.append(id, 9);
  expect(tables.used).toBe(6);
  for (const id of [a, b]) tables.publish(id, prefix);
  expect(tables.used).toBe(4);
  expect(tables.table(b).slice(0, 2)).toEqual(tables.table(a).slice(0, 2));
});

it.each([
  [
    () => new BlockTables({ blocks: 0, blockSize: 4 }, noCopy),
    'paged: blocks must be a whole number ≥ 1, got 0',
  ],
  [
    () => new BlockTables({ blocks: 2, blockSize: 2.5 }, noCopy),
    'paged: blockSize must be a whole number ≥ 1, got 2.5',
  ],
  [
    () => new BlockTables(size, noCopy).append(0, 1),
    'paged: the sequence must be open; it was freed, or never there, got 0',
  ],
  [
    () => {
      const tables = new BlockTables(size, noCopy);
      tables.append(tables.open(), 33);
    },
    'paged.append: the pool must have 9 free blocks of 4 tokens (crop or dispose other sequences, or create the pool larger), got "8 of 8"',
  ],
  [
    () => {
      const tables = new BlockTables(size, noCopy);
      tables.crop(tables.open(), 1);
    },
    'paged.crop: length must be a whole number from 0 to 0, the present length, got 1',
  ],
  [
    () => BlockTables.restore({ ...size, nextId: 1, sequences: [{ id: 0, length: 5, table: [0] }] }, noCopy),
    'paged.restore: the record must have the blocks of its length, got 5',
  ],
  [
    () => BlockTables.restore({ ...size, nextId: 1, sequences: [{ id: 0, length: 4, table: [8] }] }, noCopy),
    'paged.restore: the record must name blocks it has, got 8',
  ],
])('refuses what cannot be (%#)', (act, message) => {
  expect(act).toThrow(message);
});
