import { DeviceError } from '../../errors.ts';
import { expTable } from './kernels/exp.kernel.ts';
import type { Gpujs, GpujsBackend, GpujsKernel } from './library.ts';
import type { GpujsMode, KernelStep } from './plan.ts';

/** A compiled kernel and what it holds. */
export interface Compiled {
  readonly run: GpujsKernel;
  readonly bytes: number;
}

const MOST_KERNELS = 512;

const ELSEWHERE = 'A device never runs elsewhere than it says. Choose another device.';

/** gpu.js stops a loop with a run-time bound here, without a word; its default is 1000. */
const LOOP_LIMIT = 2 ** 24;

/**
 * Compiled kernels, least recently used ones destroyed when there are too many or when they hold too much (on
 * webasm each kernel has a memory of its own for its arguments and its result).
 */
export class KernelCache {
  readonly #gpu: Gpujs;
  readonly #mode: GpujsMode;
  readonly #settings: object;
  readonly #prepare: ((backend: GpujsBackend) => void) | undefined;
  readonly #mostKernels: number;
  readonly #mostBytes: number;
  readonly #kernels = new Map<string, Compiled>();
  readonly #sources = new Map<string, number>();
  #bytes = 0;

  constructor(
    gpu: Gpujs,
    mode: GpujsMode,
    options: {
      /** gpu.js settings that all kernels of the mode share. */
      readonly settings?: object;
      /** Called with each kernel before its first run. */
      readonly prepare?: (backend: GpujsBackend) => void;
      readonly mostKernels?: number;
      readonly mostBytes?: number;
    } = {},
  ) {
    this.#gpu = gpu;
    this.#mode = mode;
    this.#settings = options.settings ?? {};
    this.#prepare = options.prepare;
    this.#mostKernels = options.mostKernels ?? MOST_KERNELS;
    this.#mostBytes = options.mostBytes ?? 2 ** 30;
  }

  get size(): number {
    return this.#kernels.size;
  }

  /**
   * The kernel of a step for arguments of these gpu.js types.
   *
   * @param signature what else the compiled code depends on: sizes of arguments where they are baked in
   * @param bytes what the kernel holds while it lives
   */
  get(step: KernelStep, argumentTypes: readonly string[], signature: string, bytes: number): Compiled {
    const key = this.#key(step, argumentTypes, signature);
    let compiled = this.#kernels.get(key);
    if (compiled) {
      this.#kernels.delete(key);
    } else {
      compiled = { run: this.#create(step, argumentTypes), bytes };
      this.#bytes += bytes;
      this.#trim();
    }
    this.#kernels.set(key, compiled);
    return compiled;
  }

  dispose(): void {
    for (const { run } of this.#kernels.values()) run.destroy();
    this.#kernels.clear();
    this.#bytes = 0;
  }

  #key(step: KernelStep, argumentTypes: readonly string[], signature: string): string {
    const text = step.helpers ? step.source + step.helpers.join('\n') : step.source;
    let source = this.#sources.get(text);
    if (source === undefined) this.#sources.set(text, (source = this.#sources.size));
    const constants = step.constants ? Object.values(step.constants).join(',') : '';
    return `${source}|${constants}|${threadsOf(step).join('x')}|${argumentTypes.join(',')}|${signature}`;
  }

  #create(step: KernelStep, argumentTypes: readonly string[]): GpujsKernel {
    const refused = (what: string, why: string): DeviceError =>
      new DeviceError(`gpujs:${this.#mode}`, what, [why], ELSEWHERE);
    const constants: Record<string, number | Float32Array> = { ...step.constants };
    const constantTypes: Record<string, string> = {};
    for (const [name, value] of Object.entries(constants))
      constantTypes[name] = Number.isInteger(value) ? 'Integer' : 'Float';
    if (step.source.includes('this.constants.expTable')) {
      constants.expTable = expTable;
      constantTypes.expTable = 'Array';
    }
    const kernel = this.#gpu.createKernel(step.source, {
      ...this.#settings,
      output: threadsOf(step),
      constants,
      constantTypes,
      argumentTypes: [...argumentTypes],
      functions: [...(step.helpers ?? [])],
      precision: 'single',
      loopMaxIterations: LOOP_LIMIT,
      onRequestFallback(this: GpujsBackend) {
        const why = this.fallbackReason ?? 'gpu.js gives no reason';
        throw refused(`gpu.js would run kernel "${step.name}" on the CPU instead`, why);
      },
      onRequestSwitchKernel(reasons: readonly { readonly type: string }[]) {
        const why = reasons.map(({ type }) => type).join(', ');
        throw refused(`gpu.js would compile kernel "${step.name}" for other arguments`, why);
      },
    });
    this.#prepare?.(kernel.kernel);
    return kernel;
  }

  #trim(): void {
    for (const [key, { run, bytes }] of this.#kernels) {
      if (this.#kernels.size < this.#mostKernels && this.#bytes <= this.#mostBytes) return;
      run.destroy();
      this.#kernels.delete(key);
      this.#bytes -= bytes;
    }
  }
}

/** What went wrong in gpu.js with a step of an operation, as the error of the device. */
export function kernelFailed(
  mode: GpujsMode,
  step: KernelStep,
  error: unknown,
  op: string | undefined,
): DeviceError {
  if (DeviceError.isInstance(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const kernel = `kernel "${step.name}"${op === undefined ? '' : ` of ${op}`}`;
  return new DeviceError(`gpujs:${mode}`, `gpu.js cannot run ${kernel}`, message.split('\n'));
}

/** Threads of a step, without trailing ones. */
export function threadsOf(step: KernelStep): number[] {
  if (!step.threads) return [Math.ceil(step.length / (step.lanes ?? 1))];
  const [x, y = 1, z = 1] = step.threads;
  return z > 1 ? [x, y, z] : y > 1 ? [x, y] : [x];
}

/** Numbers a step's threads return, padding included. */
export function cellsOf(step: KernelStep): number {
  return threadsOf(step).reduce((cells, size) => cells * size, step.lanes ?? 1);
}

/**
 * Checks after a launch that the mode that ran is the mode that was asked for.
 *
 * @throws {DeviceError} naming gpu.js's reason.
 */
export function checkRan(compiled: Compiled, mode: GpujsMode, step: KernelStep): string {
  const backend = compiled.run.kernel;
  const ran = modeOf(backend);
  if (ran !== mode) {
    throw new DeviceError(
      `gpujs:${mode}`,
      `kernel "${step.name}" ran on ${ran}`,
      backend.fallbackReason ? [backend.fallbackReason] : [],
      ELSEWHERE,
    );
  }
  return ran;
}

/** gpu.js says `gpu` for every kind of WebGL; the context tells them apart. */
function modeOf({ constructor: { mode }, context }: GpujsBackend): string {
  if (mode !== 'gpu') return mode;
  if (typeof WebGL2RenderingContext !== 'undefined' && context instanceof WebGL2RenderingContext)
    return 'webgl2';
  const headless = (context as WebGLRenderingContext | undefined)?.getExtension('STACKGL_destroy_context');
  return headless ? 'headlessgl' : 'webgl';
}
