import { createRandom } from '../random.ts';
import type { Results, Row } from '../results.ts';
import { type Job, type JobGroup, schedule } from '../schedule.ts';
import { summarize } from '../statistics.ts';
import { sampleResults } from './sample-results.ts';

const CONTEXT = 2048;

/**
 * A run, scheduled in full, in which every job is the same: whatever its report calls different is false. Times are as
 * bad as those of a real machine: skewed, with outliers and slow minutes, and the first of each round pays for a cache
 * that another group left cold.
 */
export async function identicalJobs(seed: number): Promise<Results> {
  const extra = Array.from({ length: 6 }, (_, i) => ({
    name: `extra-${i}`,
    title: `Extra (EX${i})`,
    heads: 4,
  }));
  const skeleton = sampleResults({ extra });
  const rows = skeleton.rows.filter(({ suite, context }) => suite !== 'attention' || context === CONTEXT);
  const random = createRandom(seed);
  let time = 0;
  let minute = 1;
  const cost = (first: boolean): number => {
    if (random() < 0.01) minute = 1 + 0.3 * random();
    const noise = 0.04 * -Math.log(1 - random()) + (random() < 0.03 ? 2 * random() : 0);
    return 10 * minute * (1 + noise + (first ? 0.1 : 0));
  };
  const groups = [...new Set(rows.map(({ group }) => group))].map((group): JobGroup => {
    const own = rows.filter((row) => row.group === group);
    let turn = 0;
    const job = ({ id }: Row, index: number): Job => ({
      id,
      label: id,
      prepare: async () => {
        if (index === 0) turn = -2 * own.length; // two calls of each to warm up
        return {
          call: () => {
            time += cost(turn++ % own.length === 0);
          },
          settled: async () => {},
          dispose: () => {},
        };
      },
    });
    return { id: group, label: group, jobs: own.map(job) };
  });
  const timed = await schedule(groups, {
    budgetMs: 16_000,
    minRounds: 3,
    maxRounds: 60,
    target: 0.02,
    visits: 2,
    clockStepMs: 1e-4,
    seed,
    clock: () => time,
  });
  return {
    ...skeleton,
    rows: rows.map((row) => {
      const { samples } = timed.get(row.id)!;
      return { ...row, samples, summary: summarize(samples.map(({ ms }) => ms)) };
    }),
  };
}
