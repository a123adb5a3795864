/**
 * How an operation runs on gpu.js: a list of kernel launches. A plan is data, made anew for each call and cheap
 * to make; the executor compiles each distinct kernel once (source, constants and sizes are its identity).
 *
 * Sources are text in the portable dialect: one `function` expression, flat 1-D arrays, explicit index
 * arithmetic, no closures, no `continue`, one name per loop variable, loops that start at literal 0, finite
 * sentinels, at most 7 array arguments.
 */
export interface KernelPlan {
  readonly steps: readonly KernelStep[];
  /** Names of the steps whose results are the operation's results, in order. */
  readonly outputs: readonly string[];
}

/** One kernel launch. */
export interface KernelStep {
  /** Later steps and `outputs` refer to the result by this name. */
  readonly name: string;
  /** `function (x, n) { return x[this.thread.x] * n; }`; `this.thread.x` runs over `length / lanes` cells. */
  readonly source: string;
  /** Compiled into the kernel as `this.constants.<name>`; a new value compiles a new kernel. */
  readonly constants?: Readonly<Record<string, number>>;
  /** Scalar helper functions the source calls, as text. */
  readonly helpers?: readonly string[];
  /**
   * In the order of the source's parameters: the name of an input of the operation or of an earlier step, or a
   * scalar (which may change from call to call without compiling).
   */
  readonly args: readonly (string | KernelScalar)[];
  /** Elements of the result. */
  readonly length: number;
  /** Each thread returns one number, or four consecutive ones as `[a, b, c, d]`. Default 1. */
  readonly lanes?: 1 | 4;
}

/** A scalar argument: floor-divisions and loop bounds need `integer`. */
export type KernelScalar = { readonly integer: number } | { readonly float: number };
