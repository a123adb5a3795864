import { describe, expect, it } from 'vitest';
import { type Cell, type CellStore, readShard, shardFromEnvironment, shardOf, sweep } from './sweep.ts';

const signal = new AbortController().signal;

function cellsOf(
  count: number,
  log: string[],
  stop?: { readonly at: string; readonly controller: AbortController },
) {
  return Array.from({ length: count }, (_, i): Cell<number> => {
    const id = `c${i}`;
    return {
      id,
      run: async () => {
        log.push(id);
        if (stop?.at === id) stop.controller.abort();
        return i * i;
      },
    };
  });
}

function memory(): CellStore<number> & { readonly kept: Map<string, number> } {
  const kept = new Map<string, number>();
  return { kept, read: (id) => kept.get(id), write: (id, value) => void kept.set(id, value) };
}

describe('a sweep', () => {
  it('does every cell once over the shards, whatever their number', async () => {
    for (const count of [1, 2, 3, 4, 7]) {
      const log: string[] = [];
      const all = new Map<string, number>();
      for (let index = 1; index <= count; index++) {
        const done = await sweep({
          cells: cellsOf(7, log),
          store: memory(),
          shard: { index, count },
          signal,
        });
        for (const [id, value] of done) all.set(id, value);
      }
      expect(log.toSorted()).toEqual(['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6']);
      expect(all.get('c5')).toBe(25);
    }
    expect(shardOf([0, 1, 2, 3, 4], { index: 2, count: 2 })).toEqual([1, 3]);
  });

  it('goes on where it was: what is kept is not done again, and an interrupted cell is not kept', async () => {
    const store = memory();
    const controller = new AbortController();
    const log: string[] = [];
    const first = await sweep({
      cells: cellsOf(4, log, { at: 'c2', controller }),
      store,
      signal: controller.signal,
    });
    expect([...first.keys()]).toEqual(['c0', 'c1']);
    expect([...store.kept.keys()]).toEqual(['c0', 'c1']);
    const second = await sweep({ cells: cellsOf(4, log), store, signal });
    expect([...second]).toEqual([
      ['c0', 0],
      ['c1', 1],
      ['c2', 4],
      ['c3', 9],
    ]);
    expect(log).toEqual(['c0', 'c1', 'c2', 'c2', 'c3']);
  });

  it('gives what is done also after it was interrupted', async () => {
    const store = memory();
    store.write('c3', 9);
    const controller = new AbortController();
    controller.abort();
    const done = await sweep({ cells: cellsOf(4, []), store, signal: controller.signal });
    expect([...done.keys()]).toEqual(['c3']);
  });
});

describe('a shard', () => {
  it('is read from 1/4', () => {
    expect(readShard('3/4')).toEqual({ index: 3, count: 4 });
    for (const wrong of ['0/4', '5/4', '2', '1/0', '1/x', '-1/2', '1.5/2', '1/2/3'])
      expect(() => readShard(wrong)).toThrow(`--shard takes a part of the cells, 1/4 … 4/4, got "${wrong}"`);
  });

  it.each([
    [
      {
        SLURM_ARRAY_TASK_ID: '3',
        SLURM_ARRAY_TASK_MIN: '1',
        SLURM_ARRAY_TASK_MAX: '4',
        SLURM_ARRAY_TASK_COUNT: '4',
      },
      3,
      4,
    ],
    [
      {
        SLURM_ARRAY_TASK_ID: '0',
        SLURM_ARRAY_TASK_MIN: '0',
        SLURM_ARRAY_TASK_MAX: '7',
        SLURM_ARRAY_TASK_COUNT: '8',
      },
      1,
      8,
    ],
    [
      {
        SLURM_ARRAY_TASK_ID: '20',
        SLURM_ARRAY_TASK_MIN: '0',
        SLURM_ARRAY_TASK_MAX: '30',
        SLURM_ARRAY_TASK_STEP: '10',
        SLURM_ARRAY_TASK_COUNT: '4',
      },
      3,
      4,
    ],
    [{ JOB_COMPLETION_INDEX: '5', HEADWISE_SHARDS: '6' }, 6, 6],
    [{ HEADWISE_SHARD_INDEX: '0', HEADWISE_SHARDS: '2' }, 1, 2],
  ])('is found in %o', (env, index, count) => {
    expect(shardFromEnvironment(env)).toMatchObject({ index, count });
  });

  it('is not there where nothing says so, and refused where it makes no sense', () => {
    expect(shardFromEnvironment({ PATH: '/bin' })).toBeUndefined();
    expect(() => shardFromEnvironment({ JOB_COMPLETION_INDEX: '2' })).toThrow(
      'JOB_COMPLETION_INDEX=2 says which part this is, not of how many: set HEADWISE_SHARDS too',
    );
    expect(() => shardFromEnvironment({ HEADWISE_SHARD_INDEX: '4', HEADWISE_SHARDS: '4' })).toThrow(
      'HEADWISE_SHARD_INDEX takes a part of the cells, 1/4 … 4/4, got "5/4" (counted from 0: 4)',
    );
    const holes = {
      SLURM_ARRAY_TASK_ID: '5',
      SLURM_ARRAY_TASK_MIN: '1',
      SLURM_ARRAY_TASK_MAX: '5',
      SLURM_ARRAY_TASK_COUNT: '2',
    };
    expect(() => shardFromEnvironment(holes)).toThrow('has 2 tasks between 1 and 5: give it without holes');
    expect(() => shardFromEnvironment({ SLURM_ARRAY_TASK_ID: '2' })).toThrow(
      'SLURM_ARRAY_TASK_ID=2 says which part this is, not of how many',
    );
  });
});
