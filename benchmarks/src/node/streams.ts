import type { ProgressStream } from './progress.ts';

/** What the program writes to; tests bring their own. */
export interface Streams {
  readonly out: { readonly columns?: number; write(text: string): unknown };
  readonly err: ProgressStream;
}
