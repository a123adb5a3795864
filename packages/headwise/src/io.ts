/** What a command may touch of the world besides files: a test gives its own. */
export interface Io {
  /** Standard output: results. With `--json` one document and nothing else. */
  out(text: string): void;
  /** Standard error: notices, progress, errors. */
  err(text: string): void;
  /** A notice on standard error, one line. */
  note(text: string): void;
  /** A line on a terminal that the next one replaces; empty takes it away. Nothing where standard error is no terminal. */
  status(text: string): void;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Relative paths start here. */
  readonly cwd: string;
}

/** Exit codes. A program ended by Ctrl-C says 130, as shells do. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;
