import { messageOf, UsageError } from './errors.ts';

/** One of many pieces of work that know nothing of each other: any process may do it, in any order. */
export interface Cell<Result> {
  /** The same in every process. */
  readonly id: string;
  /** @param onStep told how far it is, 0 … 1, and what it is at */
  run(onStep: (done: number, label: string) => Promise<void>, signal: AbortSignal): Promise<Result>;
  /** Whether a result that is kept is of something that has changed since. Default never. */
  stale?(kept: Result): boolean;
}

/** Where cells that are done are kept, so that a run that was killed goes on. */
export interface CellStore<Result> {
  /** @throws {UsageError} for what is there and is no result of this cell. */
  read(id: string): Result | undefined;
  write(id: string, result: Result): void;
}

/** The `index`-th part of `count`, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

export interface SweepOptions<Result> {
  readonly cells: readonly Cell<Result>[];
  readonly store: CellStore<Result>;
  readonly shard?: Shard | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: ((done: number, label: string) => Promise<void>) | undefined;
}

/**
 * Does the cells of a shard, one after the other; what the store holds is taken from it, before the first is begun. A cell that was interrupted is
 * not kept, and is begun anew next time.
 *
 * @returns results by id, in the order of the cells; those of other shards, and what was not reached, are missing.
 * @throws what the store and a cell throw.
 */
export async function sweep<Result>({
  cells,
  store,
  shard,
  signal,
  onProgress = async () => {},
}: SweepOptions<Result>): Promise<Map<string, Result>> {
  const mine = shardOf(cells, shard);
  const kept = new Map<string, Result>();
  for (const { id, stale } of mine) {
    const known = store.read(id);
    if (known !== undefined && !stale?.(known)) kept.set(id, known);
  }
  const done = new Map<string, Result>();
  for (const [i, cell] of mine.entries()) {
    const known = kept.get(cell.id);
    if (known !== undefined) {
      done.set(cell.id, known);
      continue;
    }
    if (signal.aborted) continue;
    const label = mine.length === 1 ? cell.id : `${i + 1} of ${mine.length}: ${cell.id}`;
    const result = await cell.run(
      (share, step) => onProgress((i + share) / mine.length, `${label}, ${step}`),
      signal,
    );
    if (signal.aborted) continue;
    store.write(cell.id, result);
    done.set(cell.id, result);
  }
  return done;
}

/** Every `count`-th cell, from the `index`-th on: neighbours, which cost alike, go to different shards. */
export function shardOf<Item>(items: readonly Item[], shard?: Shard): Item[] {
  return items.filter((_, i) => !shard || i % shard.count === shard.index - 1);
}

/**
 * @param text `2/4`
 * @throws {UsageError} unless it is two whole numbers, the first from 1 to the second.
 */
export function readShard(text: string, name = '--shard'): Shard {
  const [index, count] = text.split('/').map(Number);
  if (!/^\d+\/\d+$/.test(text) || !(index! >= 1 && index! <= count!))
    throw new UsageError(`${name} takes a part of the cells, 1/4 … 4/4, got ${JSON.stringify(text)}`);
  return { index: index!, count: count! };
}

/**
 * The shard that an engine people already run says this process is: an array of Slurm, an Indexed Job of Kubernetes, a
 * matrix of GitHub Actions. The last two do not tell a process how many there are: `HEADWISE_SHARDS` does.
 *
 * @returns `undefined` where nothing says so.
 * @throws {UsageError} for numbers that do not go together.
 */
export function shardFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): (Shard & { readonly from: string }) | undefined {
  if (env.SLURM_ARRAY_TASK_ID !== undefined) {
    const [id, first = 0, last, step = 1] = ['ID', 'MIN', 'MAX', 'STEP'].map((name) => {
      const value = env[`SLURM_ARRAY_TASK_${name}`];
      return value === undefined ? undefined : Number(value);
    });
    if (last === undefined && env.SLURM_ARRAY_TASK_COUNT === undefined)
      throw new UsageError(
        `SLURM_ARRAY_TASK_ID=${env.SLURM_ARRAY_TASK_ID} says which part this is, not of how many: SLURM_ARRAY_TASK_COUNT and SLURM_ARRAY_TASK_MAX are not set. Pass them on, or give --shard`,
      );
    const count = last === undefined ? Number(env.SLURM_ARRAY_TASK_COUNT) : (last - first) / step + 1;
    // an array with holes, --array=1,5, has no place for a cell in between
    if (Number(env.SLURM_ARRAY_TASK_COUNT ?? count) !== count)
      throw new UsageError(
        `the Slurm array has ${env.SLURM_ARRAY_TASK_COUNT} tasks between ${first} and ${last}: give it without holes, --array=1-4`,
      );
    return fromEnvironment('SLURM_ARRAY_TASK_ID', (id! - first) / step, count);
  }
  const count = Number(env.HEADWISE_SHARDS);
  for (const name of ['JOB_COMPLETION_INDEX', 'HEADWISE_SHARD_INDEX']) {
    if (env[name] === undefined || env[name] === '') continue;
    if (env.HEADWISE_SHARDS === undefined)
      throw new UsageError(
        `${name}=${env[name]} says which part this is, not of how many: set HEADWISE_SHARDS too`,
      );
    return fromEnvironment(name, Number(env[name]), count);
  }
  return undefined;
}

function fromEnvironment(from: string, index: number, count: number): Shard & { readonly from: string } {
  try {
    return { ...readShard(`${index + 1}/${count}`, from), from };
  } catch (error) {
    throw new UsageError(`${messageOf(error)} (counted from 0: ${index})`);
  }
}
