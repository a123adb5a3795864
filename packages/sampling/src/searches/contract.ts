/** What a search tells the model besides the sequences. */
export interface BatchContext {
  /**
   * Row `i` of this call goes on from row `parents[i]` of the call before; empty at the first call. The same
   * numbers that the `reorder` hook was given.
   */
  readonly parents: readonly number[];
  readonly signal: AbortSignal | undefined;
}

/**
 * A model for several sequences at once: gets whole sequences, prompt included, and returns for each the logits
 * `[V]` of its next token. A model with a cache runs only the last token of each (after the first call, which
 * has the prompt alone); one without runs them whole.
 */
export type BatchStep<Row = Float32Array> = (
  sequences: readonly (readonly number[])[],
  context: BatchContext,
) => readonly Row[] | Promise<readonly Row[]>;

/** Options of every search. */
export interface SearchOptions {
  /** Token ids to go on from; at least one. */
  readonly prompt: readonly number[];
  /** Most tokens to generate, end token included. */
  readonly maxTokens: number;
  /** Tokens that end a sequence; they are part of it. */
  readonly endIds?: readonly number[];
  /** Called before each step but the first: row `i` of the cache becomes a copy of row `indices[i]`. */
  readonly reorder?: (indices: readonly number[]) => void | Promise<void>;
  readonly signal?: AbortSignal;
}
