/** Where the control block lies; the layout is described in assembly/job.ts. */
export const CONTROL = 1024;
export const ARGUMENTS = CONTROL + 64;
/** Most arguments a kernel takes. */
export const MAX_ARGUMENTS = 64;
/** Of each thread, 32 bytes apart: what was handed out of its section, and how often it has given a sign of life. */
export const COUNTERS = CONTROL + 1024;
export const COUNTER_BYTES = 32;

/** Most threads that may work on one memory. */
export const MAX_THREADS = 64;

/** Words of the bell, the memory that all threads of a pool share; described in worker.ts. */
export const Bell = {
  rings: 0,
  place: 1,
  failed: 2,
  asleep: 3,
  /** One word for each thread: letters that were sent to it. */
  letters: 16,
  /** One word for each thread: 1 when it has ended. */
  ended: 16 + MAX_THREADS,
  words: 16 + 2 * MAX_THREADS,
} as const;
