/** Batches by number: the same for a number whenever it is asked, so that a run can be resumed anywhere. */
export interface Batches<Batch> {
  /** What it is, for the log. */
  readonly name: string;
  /** Batches until every example has been seen once; Infinity where they are made. */
  readonly epoch: number;
  /** The batch of a number, from 0. Never throws. */
  batch(index: number): Batch;
}
