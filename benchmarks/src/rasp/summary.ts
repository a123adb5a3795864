import { distinct } from '../views.ts';
import { lengthsOf } from './cells.ts';
import type { RaspCell, RaspResults, Task } from './contract.ts';
import { tasks } from './tasks.ts';

/** A task counts as done at a length where so many texts are right. */
export const DONE = 0.9;
/** And as generalised where it is done beyond this many lengths of training. */
export const BEYOND = 2;

/** What one encoding came to on one task, over the seeds. */
export interface RaspLine {
  readonly task: string;
  readonly encoding: string;
  /** Of the cells that were trained to the end. */
  readonly done: readonly RaspCell[];
  /** Length, and the mean share of right texts over the seeds with the least and the most of them. */
  readonly points: readonly RaspPoint[];
  readonly reasons: readonly string[];
}

export interface RaspPoint {
  readonly length: number;
  /** In lengths of training. */
  readonly times: number;
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** One line a task and encoding, in the order of the plan. */
export function raspLines({ recipe, cells }: RaspResults): RaspLine[] {
  return distinct(cells, ({ task, encoding }) => `${task} ${encoding}`).map((key) => {
    const own = cells.filter(({ task, encoding }) => `${task} ${encoding}` === key);
    const { task, encoding } = own[0]!;
    const done = own.filter(({ status, right }) => status === 'ok' && right !== undefined);
    return {
      task,
      encoding,
      done,
      points: done.length === 0 ? [] : pointsOf(lengthsOf(recipe, task), recipe.times, done),
      reasons: [...new Set(own.flatMap(({ status, reason }) => (reason ? [`${status}: ${reason}`] : [])))],
    };
  });
}

function pointsOf(
  lengths: readonly number[],
  times: readonly number[],
  done: readonly RaspCell[],
): RaspPoint[] {
  return lengths.map((length, i) => {
    const shares = done.map(({ right }) => right![length] ?? 0);
    return {
      length,
      times: times[i]!,
      share: shares.reduce((sum, share) => sum + share, 0) / shares.length,
      low: Math.min(...shares),
      high: Math.max(...shares),
    };
  });
}

/** The longest length up to which every checked one is done; 0 where the trained one is not. */
export function reachOf({ points }: RaspLine): RaspPoint | undefined {
  const broken = points.findIndex(({ share }) => share < DONE);
  return broken < 0 ? points.at(-1) : points[broken - 1];
}

/**
 * The line that reaches furthest; of several, the one with the most right texts over all lengths. Where none is done at the
 * length of training, the one with the most right texts there.
 */
export function bestOf(lines: readonly RaspLine[]): RaspLine | undefined {
  const sum = ({ points }: RaspLine): number => points.reduce((total, { share }) => total + share, 0);
  const rank = (line: RaspLine): number => {
    const reach = reachOf(line);
    return reach ? 100 * reach.times + sum(line) : line.points[0]!.share;
  };
  return lines.filter(({ points }) => points.length > 0).toSorted((a, b) => rank(b) - rank(a))[0];
}

/** What came of a task. `not learnt`: not even at the length it was trained on, so nothing can be said of longer ones. */
export type RaspOutcome = 'generalises' | 'does not generalise' | 'not learnt' | 'no result';

export interface RaspJudgement {
  readonly task: Task;
  readonly outcome: RaspOutcome;
  /** The encoding that reached furthest. */
  readonly best: RaspLine | undefined;
  /** Every encoding that generalises. */
  readonly by: readonly string[];
  readonly asThePaper: 'yes' | 'no' | 'open';
  /** Where it is not as the paper, and where that says little. */
  readonly why: string;
}

/** Every task that was trained, with what came out of it against what the paper says. */
export function judgeRasp(results: RaspResults): RaspJudgement[] {
  const lines = raspLines(results);
  return tasks
    .filter(({ name }) => lines.some((line) => line.task === name))
    .map((task) => {
      const own = lines.filter((line) => line.task === task.name);
      const best = bestOf(own);
      const outcome = outcomeOf(best);
      const by = own.filter((line) => outcomeOf(line) === 'generalises').map(({ encoding }) => encoding);
      const { steps, length } = results.recipe.tasks[task.name]!;
      const [asThePaper, why] = compared(task, outcome, steps, length);
      return { task, outcome, best, by, asThePaper, why };
    });
}

function outcomeOf(line: RaspLine | undefined): RaspOutcome {
  if (!line || line.points.length === 0) return 'no result';
  const reach = reachOf(line);
  if (reach === undefined) return 'not learnt';
  return reach.times > BEYOND ? 'generalises' : 'does not generalise';
}

function compared(
  { short, expects }: Task,
  outcome: RaspOutcome,
  steps: number,
  length: number,
): readonly ['yes' | 'no' | 'open', string] {
  if (outcome === 'no result') return ['open', 'nothing was trained to the end'];
  if (outcome === 'not learnt')
    return short
      ? [
          'open',
          `not learnt up to ${length} in ${steps} steps: longer texts say nothing about the conjecture`,
        ]
      : ['yes', `not learnt up to ${length} either: ${steps} steps that are too few would look the same`];
  if ((outcome === 'generalises') === expects.generalises) return ['yes', ''];
  return outcome === 'generalises'
    ? ['no', 'reaches further than its lack of a short program lets expect']
    : ['no', `learnt up to ${length}, but not the program: at this length another way does as well`];
}
