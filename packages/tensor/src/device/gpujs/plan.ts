/**
 * How an operation runs on gpu.js: a list of kernel launches. A plan is data, made anew for each call and cheap
 * to make; the executor compiles each distinct kernel once (source, constants and sizes are its identity).
 *
 * Sources are text in the portable dialect, which every mode compiles to the same results:
 *
 * - one `function` expression; no closures, no `continue`, one name per loop variable, loops `for (let i = 0; …; i++)`
 *   from literal 0, finite sentinels, at most 7 array arguments;
 * - a local is a float, exact to 2^24, even when it is given a whole number: index large arrays by row and column,
 *   `x[row][i]` with `{ array: 'x', size: [I, N] }`, never by one large offset;
 * - threads, loop variables, constants and `integer` scalars are integers. The two sides of `a ? b : c` must both be
 *   floats (`Math.min`, a local and an array element are), and an index holds no call: give it a local;
 * - whole-number division is `Math.floor((a + 0.5) / b)`: a GPU's 6 / 3 may be less than 2.
 */
export interface KernelPlan {
  readonly steps: readonly KernelStep[];
  /** Names of the results (of steps, or of what parts were put together to) that the operation returns, in order. */
  readonly outputs: readonly string[];
}

/** One kernel launch. */
export interface KernelStep {
  /** Later steps and `outputs` refer to the result by this name. */
  readonly name: string;
  /** `function (x, n) { return x[this.thread.x] * n; }`. Keep it one string: its identity is part of a cache key. */
  readonly source: string;
  /**
   * Compiled into the kernel as `this.constants.<name>`; a new value compiles a new kernel. A whole number is an
   * integer to the kernel; pass other numbers as `float` scalars.
   */
  readonly constants?: Readonly<Record<string, number>>;
  /** Scalar helper functions the source calls, as text. */
  readonly helpers?: readonly string[];
  /** In the order of the source's parameters. */
  readonly args: readonly KernelArgument[];
  /** Elements of the result. */
  readonly length: number;
  /** Threads along x (fastest), y and z. Default: `length / lanes` along x. */
  readonly threads?: readonly [x: number, y?: number, z?: number];
  /** Each thread returns one number, or so many as `[a, b, c, d]`, consecutive in the result. Default 1. */
  readonly lanes?: 1 | 2 | 3 | 4;
  /** Puts the result into a part of a larger one, under the name `of`, which several steps fill together. */
  readonly part?: { readonly of: string; readonly length: number; readonly at: number };
  /**
   * For targets with `packedRows`: the lanes of thread (x, y, z) belong to the rows `(z · Y + y) · lanes …`, and
   * row n goes to the elements from `rowStarts[n]` on; a row with −1 is padding.
   */
  readonly rowStarts?: Int32Array;
}

/**
 * An array (an input of the operation or an earlier result, flat by its name alone) or a scalar, which may change
 * from call to call without compiling.
 */
export type KernelArgument = string | KernelScalar | KernelArray;

/** A scalar argument: floor-divisions and loop bounds need `integer`. */
export type KernelScalar = { readonly integer: number } | { readonly float: number };

/** An array that the kernel reads as `a[y][x]` or `a[z][y][x]`. */
export interface KernelArray {
  readonly array: string;
  /** Elements along x (which lie side by side), y and z. */
  readonly size: readonly [x: number, y?: number, z?: number];
  /** For targets with `views`: where the array starts in the input, and how many elements of it the kernel reads. */
  readonly start?: number;
  readonly used?: number;
}

/** The gpu.js modes this package drives. */
export type GpujsMode = 'cpu' | 'webasm' | 'headlessgl' | 'webgl2' | 'webgpu';

/** What a plan may know of the mode it is made for: which shape of the same kernel is fast there. */
export interface PlanTarget {
  readonly mode: GpujsMode;
  /**
   * A thread may compute several rows in packed lanes, which the executor puts in order. On webasm a value shared
   * by neighbouring threads is one load and one that differs is four, so rows pay there.
   */
  readonly packedRows: boolean;
  /** Neighbouring results a thread should return at once where the sizes allow it. */
  readonly columns: 1 | 4;
  /** An `if` that differs between neighbouring threads skips work (not on webasm, which evaluates both sides). */
  readonly branches: boolean;
  /** Arguments can start inside an input; elsewhere a kernel is given the whole and an offset. */
  readonly views: boolean;
  /** `Math.exp` is a call out of the module on webasm: there the table of `exp.kernel.ts` is four times faster. */
  readonly exp: 'native' | 'table';
  /** Most elements one intermediate result should have. */
  readonly budget: number;
}
