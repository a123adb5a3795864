/** Numbers of one tensor on their way to or from a file. */
export interface SavedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** All of a run between two steps: with it the next step is the same, bit for bit. */
export interface SavedRun {
  /** Steps made. */
  readonly step: number;
  /** `params/…`, `optimizer/…`, `average/…` */
  readonly tensors: Readonly<Record<string, SavedTensor>>;
  /** What the run is made of, which must be the same when it goes on, and how it stands. */
  readonly facts: Readonly<Record<string, string>>;
}

/** Where a run keeps itself: a folder (`@headwise/training/folder`), a browser's storage, or nothing. */
export interface RunStore {
  /** The newest whole state, or undefined for a new run. @throws what its place throws. */
  load(): Promise<SavedRun | undefined>;
  /**
   * Keeps a state; whatever happens meanwhile, the one before stays whole.
   * @throws what its place throws; what was kept before is then whole.
   */
  save(run: SavedRun): Promise<void>;
  /** Forgets entries of the log after a step, then goes on behind them. @throws what its place throws. */
  resumeLog?(step: number): Promise<void>;
  /** One entry a step. @throws what its place throws. */
  log?(entry: Readonly<Record<string, unknown>>): Promise<void>;
}

/** A store in memory: for tests, and for pages that keep nothing. Never throws. */
export function memoryStore(): RunStore & { readonly entries: readonly Readonly<Record<string, unknown>>[] } {
  let last: SavedRun | undefined;
  const entries: Readonly<Record<string, unknown>>[] = [];
  return {
    entries,
    load: async () => last,
    async save(run) {
      last = run;
    },
    async resumeLog(step) {
      entries.splice(
        0,
        entries.length,
        ...entries.filter((entry) => typeof entry.step === 'number' && entry.step <= step),
      );
    },
    async log(entry) {
      entries.push(entry);
    },
  };
}
