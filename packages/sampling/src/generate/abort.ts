/**
 * Waits for `work`, but no longer than until `signal` aborts: the run stops at once also where a model does not
 * look at the signal itself.
 *
 * @throws the signal's reason.
 */
export async function untilAborted<T>(work: T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  if (!signal || !isPromise(work)) return work;
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function isPromise<T>(work: T | Promise<T>): work is Promise<T> {
  return typeof (work as Promise<T> | undefined)?.then === 'function';
}

/** Longest time a model that never waits may keep timers, clicks and painting from running, in milliseconds. */
const breath = 25;

/** Lets other tasks run now and then; without it a synchronous model could never be aborted by a timer. */
export function createBreather(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < breath) return undefined;
    return new Promise((resolve) => {
      setTimeout(() => {
        last = performance.now();
        resolve();
      });
    });
  };
}
