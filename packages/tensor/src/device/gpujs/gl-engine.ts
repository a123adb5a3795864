import { DeviceError } from '../../errors.ts';
import { checkRan, KernelCache, threadsOf } from './compile.ts';
import type { Engine, LaunchArgument, Store } from './engine.ts';
import { copySteps, type Gl, type GlHandle, type GlHandleClass, GlTextures } from './gl-texture.ts';
import type { Gpujs, GpujsBackend, GpujsKernel } from './library.ts';
import type { KernelStep, PlanTarget } from './plan.ts';

/** A texture of `length` numbers, one a texel or (what threads with four lanes return) four a texel. */
interface GlStore extends Store {
  handle: GlHandle;
  packed: boolean;
}

/** Rectangles a copy may take before a kernel puts its rows in order first. */
const MOST_RECTANGLES = 8;

const settings = {
  pipeline: true,
  immutable: true,
  dynamicArguments: true,
  // else gpu.js picks lower float precision for small textures
  tactic: 'precision',
};

const oneNumber = 'function () { return 0.0; }';
const numbersInOrder = 'function (x) { return x[this.thread.x]; }';

/** Lays `count` numbers from `start` on into whole rows, the first of them `phase` from the left. */
const inRows = `function (x, start, phase) {
    const i = this.thread.y * this.constants.width + this.thread.x - phase;
    return i < 0 || i >= this.constants.count ? 0.0 : x[start + i];
  }`;

/**
 * The WebGL modes: values stay in textures from upload to read. A write goes into the texture in place.
 */
export class GlEngine implements Engine {
  readonly target: PlanTarget;
  readonly details: Readonly<Record<string, string>>;
  ran: string | undefined;
  readonly #mode: 'headlessgl' | 'webgl2';
  readonly #kernels: KernelCache;
  readonly #textures: GlTextures;
  readonly #Numbers: GlHandleClass;
  readonly #Packed: GlHandleClass;
  readonly #first: GpujsKernel;
  readonly #gl: Gl;

  constructor(gpu: Gpujs, mode: 'headlessgl' | 'webgl2', details: Readonly<Record<string, string>>) {
    this.#mode = mode;
    this.#kernels = new KernelCache(gpu, mode, { settings });
    this.#first = gpu.createKernel(oneNumber, { ...settings, output: [1], precision: 'single' });
    const packing = gpu.createKernel(oneNumber, {
      ...settings,
      output: [1],
      precision: 'single',
      optimizeFloatMemory: true,
    });
    const numbers = this.#first() as GlHandle;
    const packed = packing() as GlHandle;
    this.#Numbers = numbers.constructor as GlHandleClass;
    this.#Packed = packed.constructor as GlHandleClass;
    numbers.delete();
    packed.delete();
    this.#gl = numbers.context as Gl;
    this.#textures = new GlTextures(this.#gl, mode === 'webgl2');
    this.target = {
      mode,
      packedRows: false,
      columns: 4,
      branches: true,
      views: false,
      exp: 'native',
      budget: 2 ** 24,
    };
    this.details = { ...details, ...describe(this.#gl) };
  }

  allocate(length: number): GlStore {
    const size = this.#textures.sizeFor(length);
    const { formats } = this.#textures;
    return {
      length,
      packed: false,
      handle: this.#wrap(this.#Numbers, { ...formats, texture: this.#textures.create(size), size }, length),
    };
  }

  upload(data: Float32Array): GlStore {
    const store = this.allocate(data.length);
    this.#freeingOnFailure(store, () =>
      this.#textures.write(store.handle.texture, store.handle.size[0]!, 0, data),
    );
    return store;
  }

  async read(store: Store, start: number, end: number): Promise<Float32Array> {
    if (start === end) return new Float32Array(0);
    const { handle, packed } = store as GlStore;
    return this.#textures.read(handle.texture, handle.size[0]!, start, end, packed);
  }

  write(target: Store, offset: number, source: Float32Array | Store, start: number, length: number): void {
    const to = this.#inOrder(target as GlStore);
    const width = to.handle.size[0]!;
    if (source instanceof Float32Array) {
      this.#textures.write(to.handle.texture, width, offset, source.subarray(start, start + length));
      return;
    }
    const from = source as GlStore;
    const target2d = { texture: to.handle.texture, width, offset };
    const source2d = { texture: from.handle.texture, width: from.handle.size[0]!, offset: start };
    if (!from.packed && copySteps(target2d, source2d, length).length <= MOST_RECTANGLES) {
      this.#textures.copy(target2d, source2d, length);
      return;
    }
    const phase = offset % width;
    // two rows at least: gpu.js makes one row square
    const rows = Math.max(2, Math.ceil((phase + length) / width));
    const lined = this.launch(
      {
        name: 'rows',
        source: inRows,
        constants: { width, count: length },
        args: [],
        length: width * rows,
        threads: [width, rows],
      },
      [{ store: from, size: [from.length] }, { integer: start }, { integer: phase }],
    );
    this.#freeingOnFailure(lined, () =>
      this.#textures.copy(target2d, { texture: lined.handle.texture, width, offset: phase }, length),
    );
    this.free(lined);
  }

  launch(step: KernelStep, args: readonly LaunchArgument[], into?: Store): GlStore {
    const lanes = step.lanes ?? 1;
    if (lanes !== 1 && lanes !== 4) {
      throw new DeviceError(
        `gpujs:${this.#mode}`,
        `kernel "${step.name}" returns ${lanes} numbers; 1 or 4 fit a texel`,
      );
    }
    const types = args.map((argument) => {
      if ('store' in argument)
        return (argument.store as GlStore).packed ? 'MemoryOptimizedNumberTexture' : 'ArrayTexture(1)';
      return 'integer' in argument ? 'Integer' : 'Float';
    });
    this.#textures.checkContext();
    this.#textures.checkFits(
      threadsOf(step).reduce((texels, size) => texels * size, 1),
      lanes,
    );
    const kernel = this.#mode === 'headlessgl' ? forWebgl1(step) : step;
    const compiled = this.#kernels.get(this.#withinLimits(kernel), types, '', step.length * 16);
    const result = compiled.run(
      ...args.map((argument) => {
        if ('store' in argument) return sized((argument.store as GlStore).handle, argument.size);
        return 'integer' in argument ? argument.integer : argument.float;
      }),
    ) as GlHandle;
    const Class = lanes === 4 ? this.#Packed : this.#Numbers;
    const store = {
      length: step.length,
      packed: lanes === 4,
      handle: this.#wrap(Class, result, step.length),
    };
    release(compiled.run.kernel, result);
    this.#freeingOnFailure(store, () => {
      this.ran = checkRan(compiled, this.#mode, step);
      if (into) this.write(into, step.part!.at, store, 0, step.length);
    });
    if (!into) return store;
    this.free(store);
    return into as GlStore;
  }

  free(store: Store): void {
    (store as GlStore).handle.delete();
  }

  async settled(): Promise<void> {
    // a fence can be signalled early by a browser; reading back a number cannot
    const one = this.upload(Float32Array.of(0));
    await this.read(one, 0, 1);
    this.free(one);
  }

  dispose(): void {
    this.#kernels.dispose();
    this.#textures.dispose();
  }

  #freeingOnFailure(store: GlStore, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.free(store);
      throw error;
    }
  }

  /** The same store with one number a texel, so that ranges of it can be written. */
  #inOrder(store: GlStore): GlStore {
    if (!store.packed) return store;
    const plain = this.launch(
      { name: 'numbers in order', source: numbersInOrder, args: [], length: store.length },
      [{ store, size: [store.length] }],
    );
    store.handle.delete();
    store.handle = plain.handle;
    store.packed = false;
    return store;
  }

  /** gpu.js makes a texture of a plane as wide and as high as its threads; of a solid it makes a square. */
  #withinLimits(step: KernelStep): KernelStep {
    const [x, y = 1, z = 1] = threadsOf(step) as [number, number?, number?];
    if (z > 1 || y === 1 || Math.max(x, y) <= this.#textures.maxSize) return step;
    return {
      ...step,
      source: step.source.replaceAll('this.thread.z', '0').replaceAll('this.thread.y', 'this.thread.z'),
      threads: [x, 1, y],
    };
  }

  #wrap(
    Class: GlHandleClass,
    of: Pick<GlHandle, 'texture' | 'size' | 'internalFormat' | 'textureFormat'>,
    length: number,
  ): GlHandle {
    return new Class({
      texture: of.texture,
      size: of.size,
      internalFormat: of.internalFormat,
      textureFormat: of.textureFormat,
      dimensions: [Math.max(1, length), 1, 1],
      output: [Math.max(1, length)],
      context: this.#gl,
      // outlives the kernel that made the texture, which may be destroyed before it
      kernel: this.#first.kernel,
    });
  }
}

/** Turns of all loops of one thread, nested ones added, after which headless-gl's renderer stops without a word. */
const MOST_TURNS = 65_535;

/** @throws {DeviceError} if the loops of a kernel, by the constants that bound them, go on for too long. */
export function checkTurns({ name, source, constants = {} }: KernelStep): void {
  const bounds = [...source.matchAll(/for \(let \w+ = 0; \w+ < (?:this\.constants\.(\w+))?/g)];
  const turns = bounds.reduce((sum, [, bound]) => sum + (constants[bound ?? 'K'] ?? 0), 0);
  if (turns <= MOST_TURNS) return;
  throw new DeviceError(
    'gpujs:headlessgl',
    `kernel "${name}" would loop ${turns} times a thread`,
    [`this renderer stops after ${MOST_TURNS} and returns what it has`],
    'Choose another device for rows this long.',
  );
}

/**
 * The step for WebGL 1, whose loops must have constant bounds. gpu.js rewrites a loop for that when it sees that its
 * bound is not constant, and it does see a product.
 */
function forWebgl1(step: KernelStep): KernelStep {
  checkTurns(step);
  let source = webgl1Sources.get(step.source);
  if (source === undefined) {
    source = step.source.replace(
      /for \(let (\w+) = 0; \1 < (?!this\.constants)([^;]+);/g,
      'for (let $1 = 0; $1 < ($2) * 1.0;',
    );
    webgl1Sources.set(step.source, source);
  }
  return { ...step, source };
}

const webgl1Sources = new Map<string, string>();

/** The handle with other dimensions: what `a[y][x]` counts rows by. */
function sized(handle: GlHandle, [x = 1, y = 1, z = 1]: readonly number[]): GlHandle {
  return Object.create(handle, { dimensions: { value: [x, y, z] } }) as GlHandle;
}

/** Takes a result from the kernel that made it: its handle, and the list of textures that die with it. */
function release(backend: GpujsBackend, result: GlHandle): void {
  const listed = backend.textureCache?.indexOf(result.texture) ?? -1;
  if (listed >= 0) backend.textureCache!.splice(listed, 1);
  result.delete();
}

function describe(gl: Gl): Record<string, string> {
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const renderer = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  return { renderer, ...(isEmulated(renderer) && { emulated: 'true' }) };
}

/** Whether a renderer or adapter is a program that stands in for a GPU. */
export function isEmulated(description: string): boolean {
  return /swiftshader|llvmpipe|lavapipe|softpipe|software|basic render/i.test(description);
}
