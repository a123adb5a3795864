import { describe, expect, it } from 'vitest';
import { type Job, type JobGroup, type Progress, type ScheduleOptions, schedule } from './schedule.ts';

/** A clock that only the jobs move on. */
function fakeTime() {
  let ms = 0;
  return { clock: () => ms, pass: (by: number) => (ms += by) };
}

const defaults: Omit<ScheduleOptions, 'clock'> = {
  budgetMs: 1000,
  minRounds: 3,
  maxRounds: 20,
  target: -1, // the fake clock has no noise: never narrow enough
  visits: 3,
  clockStepMs: 1e-4,
  seed: 1,
};

function setup(costs: Readonly<Record<string, number>>) {
  const time = fakeTime();
  const log: string[] = [];
  const job = (id: string, cost: number, extra: Partial<Job> = {}): Job => ({
    id,
    label: id,
    prepare: async () => {
      log.push(`+${id}`);
      return {
        call: () => {
          time.pass(cost);
          log.push(id);
        },
        settled: async () => {},
        dispose: () => log.push(`-${id}`),
      };
    },
    ...extra,
  });
  const group = (id: string, jobs: readonly Job[]): JobGroup => ({ id, label: id, jobs });
  const all = group(
    'g',
    Object.entries(costs).map(([id, cost]) => job(id, cost)),
  );
  return { time, log, job, group, all, run: { ...defaults, clock: time.clock } };
}

describe('schedule', () => {
  it('gives every job one turn a round, in a changing order', async () => {
    const { all, run, log } = setup({ a: 1, b: 1, c: 1 });
    const results = await schedule([all], run);
    for (const result of results.values()) {
      expect(result.samples.map(({ round }) => round)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    }
    expect(log.filter((entry) => entry === '+a').length).toBeGreaterThan(1); // rounds go on over visits
  });

  it('shuffles the order anew each round: nobody is always first', async () => {
    const { all, run, log } = setup({ a: 1, b: 1, c: 1 });
    // one visit: its warm-up is the first six calls, and no other stands between the rounds
    await schedule([all], { ...run, maxRounds: 12, seed: 2 });
    const calls = log.filter((entry) => !/[+-]/.test(entry)).slice(6);
    const rounds = Array.from({ length: 12 }, (_, i) => calls.slice(3 * i, 3 * i + 3));
    for (const round of rounds) expect([...round].sort()).toEqual(['a', 'b', 'c']);
    for (const place of [0, 1, 2])
      expect(new Set(rounds.map((round) => round[place]))).toEqual(new Set(['a', 'b', 'c']));
  });

  it('gives events a turn before every sample, and none of their time to it', async () => {
    const { run, time, group } = setup({});
    let [calls, turns] = [0, 0];
    const late: number[] = [];
    const waking: Job = {
      id: 'a',
      label: 'a',
      prepare: async () => ({
        call: () => {
          time.pass(1);
          late.push(calls++ - turns);
          setImmediate(() => {
            turns++;
            time.pass(1000);
          });
        },
        settled: async () => {},
        dispose: () => {},
      }),
    };
    const result = (await schedule([group('g', [waking])], { ...run, budgetMs: 1e9 })).get('a')!;
    expect(new Set(late)).toEqual(new Set([0])); // what a call set off has happened before the next
    expect(result.samples.map(({ ms }) => ms)).toEqual(Array(20).fill(1));
  });

  it('hears of an interruption that comes as an event', async () => {
    const { run, job, group } = setup({});
    const stop = new AbortController();
    const plain = job('a', 1);
    const pressed: Job = {
      ...plain,
      prepare: async () => {
        setImmediate(() => stop.abort());
        return plain.prepare();
      },
    };
    const results = await schedule([group('g', [pressed])], { ...run, signal: stop.signal });
    expect(results.get('a')!.samples).toHaveLength(0);
  });

  it('takes the waiting for the device off, so that it does not pull ratios to 1', async () => {
    const { run, time, group } = setup({});
    const on = (id: string, cost: number, wait: () => number): Job => ({
      id,
      label: id,
      prepare: async () => ({
        call: () => void time.pass(cost),
        settled: async () => void time.pass(wait()), // as a read-back: the same whatever was asked for
        dispose: () => {},
      }),
    });
    const jobs = [on('one', 1, () => 5), on('three', 3, () => 5)];
    const results = await schedule([group('g', jobs)], { ...run, budgetMs: 1e6 });
    const [one, three] = [results.get('one')!, results.get('three')!];
    expect([one.waitMs, three.waitMs]).toEqual([5, 5]);
    expect([one.calls, three.calls]).toEqual([50, 17]); // ten times the wait, or more
    expect(three.samples.map(({ ms }, i) => ms / one.samples[i]!.ms)).toEqual(Array(20).fill(3));
    // however many calls a sample has: rows with other numbers of them are compared
    const many = await schedule([group('g', jobs)], { ...run, budgetMs: 1e6, clockStepMs: 3 });
    expect([many.get('one')!.calls, many.get('three')!.calls]).toEqual([60, 20]);
    expect(many.get('three')!.samples.map(({ ms }, i) => ms / many.get('one')!.samples[i]!.ms)).toEqual(
      Array(20).fill(3),
    );
    // a single slow wait is not taken for work, nor for waiting of its own
    let waits = 0;
    const uneven = on('uneven', 100, () => (++waits === 7 || waits === 4 ? 90 : 5)); // and not of the warm-up
    const result = (await schedule([group('g', [uneven])], { ...run, budgetMs: 1e6 })).get('uneven')!;
    expect([result.waitMs, result.calls]).toEqual([5, 1]);
    expect(result.samples.filter(({ ms }) => ms === 100).length).toBeGreaterThanOrEqual(19);
  });

  it('never puts the warm-up among the samples', async () => {
    const { run, time, group } = setup({});
    let first = true;
    const cold: Job = {
      id: 'cold',
      label: 'cold',
      prepare: async () => ({
        call: () => {
          time.pass(first ? 500 : 2);
          first = false;
        },
        settled: async () => {},
        dispose: () => {},
      }),
    };
    const result = (await schedule([group('g', [cold])], run)).get('cold')!;
    expect(result.warmup[0]).toBe(500);
    expect(new Set(result.samples.map(({ ms }) => ms))).toEqual(new Set([2]));
  });

  it('stops at the budget, after the least rounds of every group', async () => {
    const { run, time, job, group } = setup({});
    const groups = [group('slow', [job('slow', 100)]), group('quick', [job('quick', 1)])];
    const results = await schedule(groups, run);
    expect(results.get('slow')!.samples.length).toBeGreaterThanOrEqual(3);
    expect(results.get('quick')!.samples.length).toBe(20);
    expect(time.clock()).toBeLessThanOrEqual(1300);
  });

  it('spreads a row over several visits', async () => {
    const { run, log, job, group } = setup({});
    await schedule([group('one', [job('a', 20)]), group('two', [job('b', 20)])], run);
    expect(log.filter((entry) => entry === '+a').length).toBeGreaterThanOrEqual(3);
    expect(log.filter((entry) => entry === '+a')).toHaveLength(log.filter((entry) => entry === '-a').length);
  });

  it('stops early when every interval is narrow enough', async () => {
    const { all, run } = setup({ a: 1 });
    const results = await schedule([all], { ...run, target: 0.05 });
    expect(results.get('a')!.samples).toHaveLength(6);
  });

  it('lets the others go on when one job throws, and says why', async () => {
    const { run, job, group } = setup({});
    const broken = job('broken', 1, { prepare: () => Promise.reject(new Error('no such kernel')) });
    const huge = job('huge', 1, {
      prepare: () => Promise.reject(new RangeError('Array buffer allocation failed')),
    });
    const results = await schedule([group('g', [broken, huge, job('fine', 1)])], run);
    expect(results.get('broken')!.refused).toEqual({ status: 'failed', reason: 'no such kernel' });
    expect(results.get('huge')!.refused).toEqual({
      status: 'does-not-fit',
      reason: 'Array buffer allocation failed',
    });
    expect(results.get('fine')!.samples).toHaveLength(20);
  });

  it('never sets up a job that is not admitted', async () => {
    const { run, log, job, group } = setup({});
    const refused = { status: 'too-slow', reason: 'one call would take 3 hours' } as const;
    const results = await schedule([group('g', [job('a', 1, { admit: () => refused }), job('b', 1)])], run);
    expect(results.get('a')!.refused).toEqual(refused);
    expect(log).not.toContain('+a');
    expect(results.get('b')!.samples).toHaveLength(20);
  });

  it('keeps what it has when it is interrupted, and frees every job', async () => {
    const { run, log, job, group } = setup({});
    const stop = new AbortController();
    let calls = 0;
    const watch = job('a', 1);
    const interrupting: Job = {
      ...watch,
      prepare: async () => {
        const prepared = await watch.prepare();
        return {
          ...prepared,
          call: () => {
            if (++calls === 4) stop.abort();
            return prepared.call();
          },
        };
      },
    };
    const results = await schedule([group('g', [interrupting]), group('h', [job('b', 1)])], {
      ...run,
      signal: stop.signal,
    });
    expect(results.get('a')!.samples.length).toBeGreaterThan(0);
    expect(results.get('b')!.samples).toHaveLength(0);
    expect(log.filter((entry) => entry === '+a')).toHaveLength(log.filter((entry) => entry === '-a').length);
  });

  it('times several calls together when the clock is coarse', async () => {
    const { all, run } = setup({ a: 1 });
    const results = await schedule([all], { ...run, clockStepMs: 0.5, budgetMs: 10_000 });
    expect(results.get('a')!.calls).toBe(10);
    expect(results.get('a')!.samples[0]!.ms).toBe(1);
  });

  it('reports what runs and how long is left', async () => {
    const { all, run } = setup({ a: 10, b: 10 });
    const seen: Progress[] = [];
    await schedule([all], { ...run, onProgress: (progress) => seen.push(progress) });
    expect(seen[0]).toEqual({ group: 'g', job: 'a', round: 0, done: 0, leftMs: 1000 });
    expect(seen.at(-1)!.leftMs).toBeLessThan(seen[0]!.leftMs);
    expect(seen.every(({ done }, i) => i === 0 || done >= seen[i - 1]!.done)).toBe(true);
  });
});
