const marker = Symbol.for('@headwise/training/TrainingError');

/** A run that cannot go on: a loss that is no number, a parameter that nothing depends on, a state of another run. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
  readonly [marker] = true;
  /** Step at which it happened, from 1; 0 before the first. */
  readonly step: number;

  constructor(step: number, message: string) {
    super(`training: ${message}`);
    this.step = step;
  }

  /** Like `instanceof`, but holds when two copies of this package are loaded. Never throws. */
  static isInstance(error: unknown): error is TrainingError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}
