import { DeviceError } from '@headwise/tensor';
import { ARGUMENTS, CONTROL, COUNTER_BYTES, COUNTERS, MAX_ARGUMENTS, MAX_THREADS } from './control.ts';
import { Heap } from './heap.ts';
import type { Job } from './job.ts';
import { addFunctions, compileKernels, type KernelExports, type PackedKernels, type Simd } from './module.ts';
import { type Pool, sharedPool } from './pool.ts';
import type { Recorder } from './recorder.ts';
import { settle } from './settle.ts';

/** How a product with a weight in blocks reads its activations: as they are, or rounded to 8 bits. */
export type Activations = 'exact' | 'int8';

export interface EngineOptions {
  readonly threads?: number | undefined;
  readonly simd?: Simd | undefined;
  readonly activations?: Activations | undefined;
  /** Bytes that the heap may grow to. */
  readonly limit?: number | undefined;
  /** For tests: guard bytes around every buffer. */
  readonly guard?: number | undefined;
  /** For tests: take the tasks of a job in another order. */
  readonly shuffle?: boolean | undefined;
}

/** Below so many nanoseconds a job stays on the calling thread: when a helper sleeps, and when all look out for work. */
const WORTH_WAKING = 30_000;
const WORTH_SHARING = 6_000;
const MAX_PAGES = [65536, 32768, 16384, 8192];

const word = new DataView(new ArrayBuffer(4));

/** An f32 as the 32-bit integer with the same bits. */
export function bits(x: number): number {
  word.setFloat32(0, x);
  return word.getInt32(0);
}

/** A memory, the kernels over it, and the threads that run them. */
export class Engine {
  readonly heap: Heap;
  readonly simd: Simd;
  readonly threads: number;
  readonly activations: Activations;
  readonly #kernels: KernelExports;
  readonly #pool: Pool | undefined;
  readonly #place: number;
  readonly #shuffle: boolean;
  /** Notes what is asked for, where somebody wants that. */
  recorder: Recorder | undefined;
  #scratch = { address: 0, stride: 0 };
  #shared = 0;

  private constructor(
    heap: Heap,
    kernels: KernelExports,
    simd: Simd,
    threads: number,
    pool: Pool | undefined,
    place: number,
    { shuffle = false, activations = 'exact' }: EngineOptions,
  ) {
    this.heap = heap;
    this.simd = simd;
    this.threads = threads;
    this.#kernels = kernels;
    this.#pool = pool;
    this.#place = place;
    this.#shuffle = shuffle;
    this.activations = activations;
  }

  static async create(packed: PackedKernels, options: EngineOptions): Promise<Engine> {
    const { threads = defaultThreads(), simd, limit, guard, activations = 'exact' } = options;
    if (activations !== 'exact' && activations !== 'int8')
      throw new DeviceError('wasm', `activations must be exact or int8, got ${String(activations)}`);
    if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS)
      throw new DeviceError(
        'wasm',
        `threads must be a whole number from 1 to ${MAX_THREADS}, got ${threads}`,
      );
    const pool = threads > 1 ? sharedPool() : undefined;
    const helpers = pool ? await pool.ensure(threads - 1) : 0;
    const shared = pool !== undefined && helpers > 0;
    const { module, simd: chosen } = await compileKernels(packed, simd, shared);
    const memory = createMemory(shared);
    const instance = await WebAssembly.instantiate(module, {
      env: { memory, abort: () => undefined },
    });
    const heap = new Heap(memory, {
      ...(limit !== undefined && { limit }),
      ...(guard !== undefined && { guard }),
    });
    const place = shared ? pool.attach(memory, module) : 0;
    const available = shared ? Math.min(threads, helpers + 1) : 1;
    const kernels = instance.exports as unknown as KernelExports;
    return new Engine(heap, kernels, chosen, available, shared ? pool : undefined, place, options);
  }

  /** Whether a helper thread has ended: then nothing more runs here, and nothing is freed that it may still write to. */
  get lost(): boolean {
    return this.#pool?.lost !== undefined;
  }

  /** Whether threads share the memory. */
  get isShared(): boolean {
    return this.#pool !== undefined;
  }

  /**
   * Adds the functions of a module to the table of the kernels, in every thread.
   *
   * @returns the place of the first
   */
  extend(module: WebAssembly.Module): number {
    const first = this.#kernels.table.length;
    addFunctions(this.#kernels, this.heap.memory, module);
    // from now on a helper that has not read its letter stays out
    this.heap.views.i32[CONTROL / 4 + 1] = this.#kernels.table.length;
    this.#pool?.extend(this.#place, module);
    return first;
  }

  /** How many tasks and tiles a thread has taken so far. */
  signs(thread: number): number {
    return this.heap.views.i32[(COUNTERS + thread * COUNTER_BYTES) / 4 + 1]!;
  }

  /**
   * Runs a job to its end on the calling thread and as many helpers as come in time.
   *
   * @throws {DeviceError} if a kernel fails, or a helper thread has ended: before, or inside the job.
   */
  launch(job: Job): void {
    const { kernel, args, tasks, cost, scratch = 0 } = job;
    if (this.lost) throw this.#lostError();
    if (tasks <= 0) return;
    if (args.length > MAX_ARGUMENTS) throw new RangeError(`kernel ${kernel} has ${args.length} arguments`);
    this.#roomFor(scratch);
    const helpers = cost < this.#worth ? 0 : Math.min(this.threads, tasks) - 1;
    const { i32 } = this.heap.views;
    const at = CONTROL / 4;
    this.#describe(helpers, 0);
    i32[at + 2] = tasks;
    i32[at + 3] = kernel;
    i32[at + 7] = this.step(tasks);
    for (let n = 0; n < args.length; n++) i32[ARGUMENTS / 4 + n] = args[n]!;
    this.#kernels.deal();
    if (helpers === 0) this.#kernels.work(0);
    else this.#together(() => this.#kernels.work(0));
    this.recorder?.note(job);
  }

  /**
   * Does all jobs of a program, on the calling thread and as many helpers as come.
   *
   * @param begin sets it to its beginning, for so many threads
   * @throws {DeviceError} if a kernel fails, or a helper thread has ended: before, or inside of it.
   */
  replay(program: number, scratch: number, cost: number, begin: (threads: number) => void): void {
    if (this.lost) throw this.#lostError();
    this.#roomFor(scratch);
    const helpers = cost < this.#worth ? 0 : this.threads - 1;
    this.#describe(helpers, program);
    begin(helpers + 1);
    this.#kernels.enter();
    if (helpers === 0) this.#kernels.walk(0, 1);
    else this.#together(() => this.#walk());
  }

  /** Memory for a result, or for the time of an operation. */
  allocate(bytes: number): number {
    return this.recorder ? this.recorder.allocate(bytes) : this.heap.allocate(bytes);
  }

  /** Gives back what `allocate` gave. */
  release(address: number): void {
    if (this.recorder) this.recorder.release(address);
    else this.heap.free(address);
  }

  /** In which steps the tasks of a job are taken. */
  step(tasks: number): number {
    return this.#shuffle ? strideFor(tasks) : 1;
  }

  get #worth(): number {
    return this.#pool?.awake ? WORTH_SHARING : WORTH_WAKING;
  }

  #roomFor(scratch: number): void {
    if (scratch > this.#scratch.stride) this.#setScratch(Math.ceil(scratch / 4096) * 4096);
  }

  /** What a job and a program have in common. */
  #describe(helpers: number, program: number): void {
    const { i32 } = this.heap.views;
    const at = CONTROL / 4;
    i32[at] = 0;
    i32[at + 4] = helpers;
    i32[at + 5] = this.#scratch.address;
    i32[at + 6] = this.#scratch.stride;
    i32[at + 8] = program;
    i32[at + 9] = 0;
  }

  /** The calling thread's way through a program; where the others take long it looks whether they live. */
  #walk(): void {
    const pool = this.#pool!;
    let failed = true;
    try {
      const waiting = {
        settle: (looks: number) => (pool.failing || this.#kernels.walk(0, looks) !== 0 ? 0 : 1),
      };
      settle(waiting, pool, () => this.#helperSigns());
      failed = pool.failing || this.lost;
    } finally {
      // nobody waits for tasks that will not be done
      if (failed) Atomics.store(this.heap.views.i32, CONTROL / 4 + 9, 1);
    }
  }

  dispose(): void {
    if (this.#pool) this.#pool.detach(this.#place);
  }

  #together(work: () => void): void {
    const pool = this.#pool!;
    // a program that never returns to its event loop hears of no end either
    if ((++this.#shared & 31) === 0) pool.inspect();
    this.#kernels.open();
    pool.ring(this.#place);
    let done = false;
    try {
      work();
      done = true;
    } finally {
      if (this.#kernels.close() > 0) settle(this.#kernels, pool, () => this.#helperSigns());
      // where both have failed, the next job is not to hear of it
      if (!done) pool.failed();
    }
    if (this.lost) throw this.#lostError();
    if (pool.failed()) throw new DeviceError('wasm', 'a kernel failed in a helper thread');
  }

  #helperSigns(): number {
    let sum = 0;
    for (let thread = 1; thread < this.threads; thread++) sum += this.signs(thread);
    return sum;
  }

  #lostError(): DeviceError {
    return new DeviceError(
      'wasm',
      'a helper thread has ended, so this device can compute no more',
      [this.#pool!.lost!, 'it may have left a job half done; what tensors hold can still be read'],
      'Create a new device: it starts new helpers.',
    );
  }

  /** Bytes of working memory of each thread; it grows to what the largest job wanted, and stays. */
  get scratch(): number {
    return this.#scratch.stride;
  }

  /** Brings the working memory back to what it was before an operation that failed. Never throws. */
  restoreScratch(stride: number): void {
    // a lost helper may still write there
    if (this.lost) return;
    try {
      this.#setScratch(stride);
    } catch {
      // no room for it any more: it grows again with the next job
    }
  }

  #setScratch(stride: number): void {
    if (stride === this.#scratch.stride) return;
    if (this.#scratch.stride > 0) this.heap.free(this.#scratch.address);
    this.#scratch = { address: 0, stride: 0 };
    if (stride > 0) this.#scratch = { address: this.heap.allocate(stride * this.threads), stride };
  }
}

function createMemory(shared: boolean): WebAssembly.Memory {
  for (const maximum of MAX_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: 16, maximum, shared });
    } catch {
      // a runtime that cannot reserve 4 GiB of addresses may still give less
    }
  }
  throw new DeviceError('wasm', 'this runtime gives no WebAssembly memory of 512 MiB');
}

function defaultThreads(): number {
  const cores =
    typeof process === 'object' && typeof process.getBuiltinModule === 'function'
      ? process.getBuiltinModule('node:os').availableParallelism()
      : globalThis.navigator?.hardwareConcurrency;
  return Math.max(1, Math.min(8, cores ?? 1));
}

/** A step that visits every task once, in another order. */
function strideFor(tasks: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let step = Math.max(1, Math.floor(tasks * 0.618));
  while (divisor(step, tasks) !== 1) step++;
  return step;
}
