import type { KernelExports } from './module.ts';
import type { Pool } from './pool.ts';

/** Looks for the last helper to finish before the calling thread gives its core away: some 100 µs. */
const LOOKS = 100_000;
/** Milliseconds from one look at the helpers themselves to the next. */
const PERIOD = 10;
/** Looks in a row without a sign of life after which the pool is given up, where no runtime says who lives: 0.8 s. */
const PATIENCE = 80;

/**
 * Waits until the helpers are out of a job. One that has ended inside never comes out: then the pool is lost, at once
 * where the runtime says that the thread is no more (Node), else when none of those inside has finished a task or a
 * tile for 0.8 seconds (tasks take microseconds to milliseconds).
 *
 * @param signs how many signs of life all helpers have given
 */
export function settle(
  kernels: Pick<KernelExports, 'settle'>,
  pool: Pick<Pool, 'inspect' | 'lost' | 'lose'>,
  signs: () => number,
  clock: () => number = () => performance.now(),
): void {
  let seen = -1;
  let silent = 0;
  let next = clock() + PERIOD;
  while (kernels.settle(LOOKS) > 0) {
    pause();
    // by looks and not by time: a machine that slept has not waited
    if (clock() < next) continue;
    next = clock() + PERIOD;
    const known = pool.inspect();
    const now = signs();
    silent = known || now !== seen ? 0 : silent + 1;
    seen = now;
    if (silent >= PATIENCE) pool.lose();
    if (pool.lost !== undefined) return;
  }
}

const sleeper =
  typeof SharedArrayBuffer === 'undefined' ? undefined : new Int32Array(new SharedArrayBuffer(4));

/** Gives the core away for a moment; in the main thread of a browser, where sleeping is forbidden, does nothing. */
function pause(): void {
  try {
    if (sleeper) Atomics.wait(sleeper, 0, 0, 0.05);
  } catch {
    // the caller looks again
  }
}
