import { sizeOf } from '../../axes.ts';
import { type Compiled, cellsOf, checkRan, KernelCache } from './compile.ts';
import type { Engine, LaunchArgument, Store } from './engine.ts';
import { type Gpujs, type GpujsBackend, type GpujsLibrary, isNode } from './library.ts';
import type { KernelStep, PlanTarget } from './plan.ts';

interface HostStore extends Store {
  readonly data: Float32Array;
}

const targets: Readonly<Record<'cpu' | 'webasm', PlanTarget>> = {
  cpu: {
    mode: 'cpu',
    packedRows: false,
    columns: 1,
    branches: true,
    views: true,
    exp: 'native',
    budget: 2 ** 24,
  },
  webasm: {
    mode: 'webasm',
    packedRows: true,
    columns: 1,
    branches: false,
    views: true,
    exp: 'table',
    budget: 2 ** 24,
  },
};

/**
 * Each webasm kernel has a WebAssembly.Memory, and each of those reserves some 10 GB of addresses: Chromium refuses
 * the 126th. Node gives thousands, and a kernel that is dropped too early is compiled again, for milliseconds.
 */
const MOST_MEMORIES_IN_A_BROWSER = 64;

/**
 * The modes that compute on the host: `cpu` reads arguments where they are, `webasm` copies them into the memory
 * of each kernel. Everything is synchronous.
 */
export class HostEngine implements Engine {
  readonly target: PlanTarget;
  readonly details: Readonly<Record<string, string>>;
  ran: string | undefined;
  readonly #library: GpujsLibrary;
  readonly #kernels: KernelCache;

  constructor(
    library: GpujsLibrary,
    gpu: Gpujs,
    mode: 'cpu' | 'webasm',
    details: Readonly<Record<string, string>>,
  ) {
    this.#library = library;
    this.#kernels = new KernelCache(gpu, mode, {
      ...(mode === 'webasm' && { prepare: keepFlat }),
      ...(mode === 'webasm' && !isNode && { mostKernels: MOST_MEMORIES_IN_A_BROWSER }),
    });
    this.target = targets[mode];
    this.details = details;
  }

  allocate(length: number): HostStore {
    return { length, data: new Float32Array(length) };
  }

  upload(data: Float32Array): HostStore {
    return { length: data.length, data: data.slice() };
  }

  async read(store: Store, start: number, end: number): Promise<Float32Array> {
    return (store as HostStore).data.slice(start, end);
  }

  write(target: Store, offset: number, source: Float32Array | Store, start: number, length: number): void {
    const from = source instanceof Float32Array ? source : (source as HostStore).data;
    (target as HostStore).data.set(from.subarray(start, start + length), offset);
  }

  launch(step: KernelStep, args: readonly LaunchArgument[], into?: Store): HostStore {
    const compiled = this.#compile(step, args);
    const result = compiled.run(...args.map((argument) => this.#value(argument)));
    this.ran = checkRan(compiled, this.target.mode, step);
    return this.#collect(step, result, into as HostStore | undefined);
  }

  free(_store: Store): void {}

  async settled(): Promise<void> {}

  dispose(): void {
    this.#kernels.dispose();
  }

  #compile(step: KernelStep, args: readonly LaunchArgument[]): Compiled {
    const types = args.map((argument) =>
      'store' in argument ? 'Input' : 'integer' in argument ? 'Integer' : 'Float',
    );
    // sizes of arguments are baked into the code
    let sizes = '';
    let elements = step.length;
    for (const argument of args) {
      if (!('store' in argument)) continue;
      sizes += `${argument.size.join('x')},`;
      elements += sizeOf(argument.size);
    }
    return this.#kernels.get(step, types, sizes, elements * 4);
  }

  #value(argument: LaunchArgument): unknown {
    if ('integer' in argument) return argument.integer;
    if ('float' in argument) return argument.float;
    const store = argument.store as HostStore;
    const { size, start = 0, used } = argument;
    const length = sizeOf(size);
    if (length === 0) return this.#library.input(new Float32Array(1), [1]);
    const whole = start === 0 && length === store.length;
    const view = this.#library.input(whole ? store.data : store.data.subarray(start, start + length), size);
    // webasm copies what it is given; what the kernel does not read may keep its old values
    if (used !== undefined && used < length) view.value = store.data.subarray(start, start + used);
    return view;
  }

  #collect(step: KernelStep, result: unknown, into: HostStore | undefined): HostStore {
    const flat = flatten(result, cellsOf(step));
    const at = step.part?.at ?? 0;
    if (step.rowStarts) {
      const target = into ?? this.allocate(step.length);
      scatterRows(flat, target.data, step, at);
      return target;
    }
    if (into) {
      into.data.set(flat.length === step.length ? flat : flat.subarray(0, step.length), at);
      return into;
    }
    return { length: step.length, data: flat.length === step.length ? flat : flat.slice(0, step.length) };
  }
}

/** The result as webasm has it, flat, instead of one JavaScript array per row or cell. */
function keepFlat(backend: GpujsBackend): void {
  if (backend._shapeOutput) backend._shapeOutput = (data) => data;
}

/** Rows, planes and cells of a gpu.js result, one after another. */
function flatten(result: unknown, length: number): Float32Array {
  if (result instanceof Float32Array) return result;
  const flat = new Float32Array(length);
  flattenInto(result as ArrayLike<unknown>, flat, 0);
  return flat;
}

function flattenInto(part: ArrayLike<unknown>, flat: Float32Array, at: number): number {
  if (part instanceof Float32Array) {
    if (part.length > 4) flat.set(part, at);
    else for (let i = 0; i < part.length; i++) flat[at + i] = part[i]!;
    return at + part.length;
  }
  let next = at;
  for (let i = 0; i < part.length; i++) {
    const item = part[i];
    if (typeof item === 'number') flat[next++] = item;
    else next = flattenInto(item as ArrayLike<unknown>, flat, next);
  }
  return next;
}

/** Packed rows `[Z][Y][X][lanes]` to where `rowStarts` says each belongs. */
function scatterRows(packed: Float32Array, target: Float32Array, step: KernelStep, at: number): void {
  const [X] = step.threads!;
  const lanes = step.lanes ?? 1;
  const starts = step.rowStarts!;
  for (let row = 0; row < starts.length; row++) {
    if (starts[row]! < 0) continue;
    const to = at + starts[row]!;
    let from = Math.floor(row / lanes) * X * lanes + (row % lanes);
    for (let x = 0; x < X; x++, from += lanes) target[to + x] = packed[from]!;
  }
}
