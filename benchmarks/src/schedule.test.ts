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
    const rounds = log.filter((entry) => !/[+-]/.test(entry)).join('');
    expect(new Set(rounds.slice(6).match(/.{3}/g)).size).toBeGreaterThan(1); // 6 calls are the warm-up
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
