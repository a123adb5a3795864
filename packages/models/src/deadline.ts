import { FormatError } from './errors.ts';

/**
 * Runs work that a hostile file can make endless, and throws a `DeadlineError` once it takes longer. The command line
 * has one of `node:vm`, which needs no thread and no promise; a page runs all of it in a worker that it ends.
 */
export type Deadline = <Result>(work: () => Result, milliseconds: number) => Result;

/** Work was stopped. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** Runs the work of a library under a deadline, if there is one; whatever it throws is the fault of its file. */
export function guarded(format: string, deadline: Deadline = (work) => work()): Deadline {
  return (work, milliseconds) => {
    try {
      return deadline(work, milliseconds);
    } catch (error) {
      if (error instanceof Error && error.name === 'DeadlineError')
        throw new FormatError(
          format,
          `it was stopped after ${milliseconds} ms, far longer than an honest file takes: an expression or a loop in it does not end`,
        );
      // what an engine says of the library's code helps nobody
      const isEngines =
        error instanceof Error && ['TypeError', 'RangeError', 'ReferenceError'].includes(error.name);
      const why = isEngines
        ? 'what reads it fails on it; it may be cut'
        : String((error as Error)?.message ?? error);
      throw new FormatError(format, `it cannot be used: ${why}`);
    }
  };
}
