import { createPositions, createReference, scope } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { PerDevice } from './per-device.ts';
import { type RowSource, RowTables } from './row-tables.ts';

const built: number[] = [];
const source = (over: Partial<RowSource> = {}): RowSource => ({
  key: 'a',
  width: 2,
  lasting: true,
  build: (positions) => {
    built.push(positions.length);
    return [Float64Array.from({ length: 2 * positions.length }, (_, n) => positions[n >> 1]! + (n % 2) / 2)];
  },
  ...over,
});

it('grows a lasting table by doubling, and frees what it replaces', () => {
  const device = createReference();
  const tables = new RowTables(device);
  built.length = 0;
  for (const end of [1, 5, 64, 65, 100, 130, 129])
    scope(() => {
      tables.lookUp('op', source(), createPositions(device, [[end - 1]]), end);
    });
  expect(built).toEqual([64, 128, 256]);
  expect([device.memory.buffers, device.memory.liveBytes]).toEqual([1, 256 * 2 * 4]);
  tables[Symbol.dispose]();
  tables[Symbol.dispose](); // a second time frees nothing twice
  expect(device.memory.buffers).toBe(0);
});

it('keeps a lasting table up to 32 MiB, by its bytes and not by its rows', () => {
  const device = createReference();
  const tables = new RowTables(device);
  const width = 2 ** 18; // 32 rows are 32 MiB
  built.length = 0;
  const wide = source({
    width,
    build: (positions) => {
      built.push(positions.length);
      return [new Float64Array(positions.length * width)];
    },
  });
  for (const end of [32, 33])
    scope(() => {
      tables.lookUp('op', wide, createPositions(device, [[end - 1]]), end);
    });
  expect(built).toEqual([32, 1]);
  tables[Symbol.dispose]();
});

it('uploads the rows of one call, once for the calls of a step, where a table would not last or be too large', async () => {
  const device = createReference();
  const tables = new RowTables(device);
  built.length = 0;
  const positions = createPositions(device, [[9_000_000, 3]]);
  for (const over of [{ key: 'b', lasting: false }, { key: 'c' }]) {
    const { tables: found, rows } = tables.lookUp('op', source(over), positions, 9_000_001);
    expect(tables.lookUp('op', source(over), positions, 9_000_001).tables).toBe(found);
    expect([...(await found[0]!.data())]).toEqual([9_000_000, 9_000_000, 3, 3.5]);
    expect([...(await rows.data())]).toEqual([0, 1]);
  }
  expect(built).toEqual([2, 2]);
  // many steps leave no more than the last few calls
  for (let step = 0; step < 50; step++) {
    const at = createPositions(device, [[step]]);
    tables.lookUp('op', source({ key: `${step}`, lasting: false }), at, step + 1);
    at.tensor.dispose();
  }
  expect(device.memory.buffers).toBeLessThanOrEqual(1 + 4 * 2);
});

it('leaves nothing behind where the second of two tables does not come about', () => {
  const device = createReference();
  const tables = new RowTables(device);
  const positions = createPositions(device, [[3]]);
  const { buffers } = device.memory;
  // as many numbers as rows of 2 in the first, one too few in the second
  const build = (at: ArrayLike<number>) => [
    new Float64Array(2 * at.length),
    new Float64Array(2 * at.length - 1),
  ];
  for (const lasting of [true, false]) {
    expect(() => tables.lookUp('op', source({ lasting, build }), positions, 4)).toThrow('do not fill');
    expect(device.memory.buffers).toBe(buffers);
  }
  expect(() => tables.reserve(source({ build }), 4)).toThrow('do not fill');
  expect(device.memory.buffers).toBe(buffers);
});

it('holds one thing for each device, until it is disposed', () => {
  const freed: string[] = [];
  const held = new PerDevice<{ name: string } & Disposable>();
  const thing = (name: string) => ({ name, [Symbol.dispose]: () => void freed.push(name) });
  const [one, two] = [createReference(), createReference()];
  const first = held.get(one, () => thing('one'));
  expect(held.get(one, () => thing('again'))).toBe(first);
  held.get(two, () => thing('two'));
  held.dispose();
  expect(freed).toEqual(['one', 'two']);
  expect(held.get(one, () => thing('new')).name).toBe('new');
});
