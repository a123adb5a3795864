import { DeviceError } from '../../errors.ts';
import { checkRan, KernelCache, kernelFailed } from './compile.ts';
import type { Engine, LaunchArgument, Store } from './engine.ts';
import { isEmulated } from './gl-engine.ts';
import type { Gpujs } from './library.ts';
import type { KernelStep, PlanTarget } from './plan.ts';

/** gpu.js's handle of a GPU buffer. */
interface WebgpuHandle {
  readonly buffer: WebgpuBuffer;
  readonly context: { readonly device: WebgpuDevice; readonly adapter: WebgpuAdapter };
  readonly kernel: unknown;
  delete(): void;
}

type WebgpuHandleClass = new (settings: object) => WebgpuHandle;

/** The parts of the WebGPU API used here; its types are not in TypeScript's DOM library for Node. */
interface WebgpuBuffer {
  readonly size: number;
  readonly usage: number;
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

interface WebgpuDevice {
  readonly limits: { readonly maxBufferSize: number; readonly maxStorageBufferBindingSize: number };
  readonly lost: Promise<{ readonly message: string }>;
  addEventListener(
    type: 'uncapturederror',
    listener: (event: { readonly error: { readonly message: string } }) => void,
  ): void;
  readonly queue: {
    writeBuffer(buffer: WebgpuBuffer, offset: number, data: ArrayBufferView): void;
    submit(commands: readonly unknown[]): void;
    onSubmittedWorkDone(): Promise<void>;
  };
  createBuffer(descriptor: { readonly size: number; readonly usage: number }): WebgpuBuffer;
  createCommandEncoder(): {
    copyBufferToBuffer(from: WebgpuBuffer, start: number, to: WebgpuBuffer, at: number, bytes: number): void;
    finish(): unknown;
  };
}

interface WebgpuAdapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
}

/** Values of GPUBufferUsage and GPUMapMode, which are globals only where WebGPU is. */
const MAP_READ = 0x1;
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const STORAGE = 0x80;

/** The buffer is there once the work that makes it has been submitted; `failed` if that went wrong. */
interface WebgpuStore extends Store {
  handle?: WebgpuHandle;
  failed?: unknown;
}

/**
 * The WebGPU mode. gpu.js answers every launch with a promise (compiling takes several turns), so work waits in a
 * queue of its own and callers never see it: launches, writes and frees happen in the order they were asked for.
 */
export class WebgpuEngine implements Engine {
  readonly target: PlanTarget = {
    mode: 'webgpu',
    packedRows: false,
    columns: 4,
    branches: true,
    views: false,
    exp: 'native',
    budget: 2 ** 24,
  };
  readonly details: Readonly<Record<string, string>>;
  ran: string | undefined;
  readonly #kernels: KernelCache;
  readonly #first: WebgpuHandle;
  readonly #device: WebgpuDevice;
  #last: Promise<void> | undefined;
  /** What WebGPU said went wrong, of the device or of calls since the last read. */
  #lost: string | undefined;
  #errors: string[] = [];

  /** @param first the result of any kernel: it knows gpu.js's device and class of handles */
  private constructor(gpu: Gpujs, first: WebgpuHandle, details: Readonly<Record<string, string>>) {
    this.#kernels = new KernelCache(gpu, 'webgpu', { settings: { pipeline: true, immutable: true } });
    this.#first = first;
    this.#device = first.context.device;
    this.details = { ...details, ...describe(first.context.adapter) };
    this.#device.addEventListener('uncapturederror', ({ error }) => {
      this.#errors.push(error.message.split('\n')[0]!);
    });
    void this.#device.lost.then(({ message }) => {
      this.#lost = message || 'the browser gives no reason';
    });
  }

  /** @throws whatever gpu.js says when there is no adapter */
  static async create(gpu: Gpujs, details: Readonly<Record<string, string>>): Promise<WebgpuEngine> {
    const kernel = gpu.createKernel('function () { return 0.0; }', {
      output: [1],
      pipeline: true,
      immutable: true,
      precision: 'single',
    });
    return new WebgpuEngine(gpu, (await kernel()) as WebgpuHandle, details);
  }

  allocate(length: number): WebgpuStore {
    this.#checkFits(length);
    const buffer = this.#device.createBuffer({
      size: Math.max(1, length) * 4,
      usage: STORAGE | COPY_SRC | COPY_DST,
    });
    return { length, handle: this.#wrap(buffer, length) };
  }

  upload(data: Float32Array): WebgpuStore {
    const store = this.allocate(data.length);
    this.#device.queue.writeBuffer(store.handle!.buffer, 0, data);
    return store;
  }

  async read(store: Store, start: number, end: number): Promise<Float32Array> {
    const bytes = Math.max(4, (end - start) * 4);
    const staging = this.#device.createBuffer({ size: bytes, usage: MAP_READ | COPY_DST });
    try {
      await this.#ordered(() => {
        const { buffer } = handleOf(store);
        if (end > start) this.#copy(buffer, start, staging, 0, end - start);
      });
      await staging.mapAsync(MAP_READ).catch((error) => {
        this.#checkErrors();
        throw error;
      });
      const data = new Float32Array(staging.getMappedRange().slice(0, (end - start) * 4));
      this.#checkErrors();
      return data;
    } finally {
      staging.destroy();
    }
  }

  write(target: Store, offset: number, source: Float32Array | Store, start: number, length: number): void {
    if (source instanceof Float32Array) {
      // the caller may change its array at once
      const data = this.#last ? source.slice(start, start + length) : source.subarray(start, start + length);
      this.#then(target, () => this.#device.queue.writeBuffer(this.#writable(target), offset * 4, data));
    } else {
      this.#then(target, () =>
        this.#copy(handleOf(source).buffer, start, this.#writable(target), offset, length),
      );
    }
  }

  launch(step: KernelStep, args: readonly LaunchArgument[], into?: Store, op?: string): WebgpuStore {
    this.#checkFits(step.length);
    const store: WebgpuStore = { length: step.length };
    this.#then(store, () =>
      this.#run(step, args, store).catch((error) => {
        // gpu.js goes on with a new device, on which nothing of the old one fits
        this.#checkLost();
        throw kernelFailed('webgpu', step, error, op);
      }),
    );
    if (!into) return store;
    this.write(into, step.part!.at, store, 0, step.length);
    this.free(store);
    return into as WebgpuStore;
  }

  free(store: Store): void {
    this.#then({ length: 0 }, () => (store as WebgpuStore).handle?.delete());
  }

  async settled(): Promise<void> {
    await this.#last;
    await this.#device.queue.onSubmittedWorkDone();
  }

  dispose(): void {
    this.#then({ length: 0 }, () => {
      this.#kernels.dispose();
      this.#first.delete();
    });
  }

  /** @throws {DeviceError} if no buffer that a kernel reads holds so many numbers. */
  #checkFits(length: number): void {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (length * 4 <= most) return;
    throw new DeviceError(
      'gpujs:webgpu',
      `${length} numbers do not fit into one buffer, which holds ${most / 4}`,
      [`this adapter lets kernels read buffers of at most ${most} bytes`],
      'Cut the tensor into smaller ones, or choose another device.',
    );
  }

  /** @throws {DeviceError} if the device is lost, or a call since the last read failed. */
  #checkErrors(): void {
    this.#checkLost();
    const errors = this.#errors.splice(0);
    if (errors.length === 0) return;
    throw new DeviceError(
      'gpujs:webgpu',
      'an earlier call of WebGPU failed, so this result may be wrong',
      errors.slice(0, 5),
      'Choose another device.',
    );
  }

  #checkLost(): void {
    if (this.#lost !== undefined) {
      throw new DeviceError(
        'gpujs:webgpu',
        'the WebGPU device is lost, and with it what tensors held',
        [this.#lost],
        'Create a new device.',
      );
    }
  }

  async #run(step: KernelStep, args: readonly LaunchArgument[], store: WebgpuStore): Promise<void> {
    const types = args.map((argument) =>
      'store' in argument ? 'WebGPUBuffer' : 'integer' in argument ? 'Integer' : 'Float',
    );
    const values = args.map((argument) => {
      if ('store' in argument)
        return Object.create(handleOf(argument.store), { output: { value: argument.size } }) as WebgpuHandle;
      return 'integer' in argument ? argument.integer : argument.float;
    });
    const compiled = this.#kernels.get(step, types, '', step.length * 4);
    const running = compiled.run(...values) as Promise<WebgpuHandle>;
    try {
      this.ran = checkRan(compiled, 'webgpu', step);
    } catch (error) {
      (await running).delete();
      throw error;
    }
    const result = await running;
    store.handle = this.#wrap(result.buffer, step.length);
    result.delete();
  }

  /** Does `work` after all work before it; when it fails, its target has failed, and so has what reads that. */
  #then(target: WebgpuStore, work: () => void | Promise<void>): void {
    const fail = (error: unknown): void => {
      target.failed ??= error;
    };
    const attempt = (): void | Promise<void> => {
      try {
        const result = work();
        return result?.catch(fail);
      } catch (error) {
        fail(error);
      }
    };
    const pending = this.#last ? this.#last.then(attempt) : attempt();
    if (!pending) return;
    const last = pending.then(() => {
      if (this.#last === last) this.#last = undefined;
    });
    this.#last = last;
  }

  async #ordered(work: () => void): Promise<void> {
    // at once when nothing is pending: a write or a free that follows the read must not come before it
    if (this.#last) await this.#last;
    work();
  }

  #copy(from: WebgpuBuffer, start: number, to: WebgpuBuffer, at: number, length: number): void {
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, start * 4, to, at * 4, length * 4);
    this.#device.queue.submit([encoder.finish()]);
  }

  /** The store's buffer, moved to one that can be written when it is a kernel's result, which cannot. */
  #writable(store: WebgpuStore): WebgpuBuffer {
    const handle = handleOf(store);
    if (handle.buffer.usage & COPY_DST) return handle.buffer;
    const fresh = this.allocate(store.length);
    this.#copy(handle.buffer, 0, fresh.handle!.buffer, 0, store.length);
    handle.delete();
    store.handle = fresh.handle!;
    return store.handle.buffer;
  }

  #wrap(buffer: WebgpuBuffer, length: number): WebgpuHandle {
    const Handle = this.#first.constructor as WebgpuHandleClass;
    const { context, kernel } = this.#first;
    return new Handle({ buffer, output: [Math.max(1, length)], componentCount: 1, context, kernel });
  }
}

function handleOf(store: Store): WebgpuHandle {
  const { handle, failed } = store as WebgpuStore;
  if (failed) throw failed;
  return handle!;
}

function describe({ info, isFallbackAdapter }: WebgpuAdapter): Record<string, string> {
  const adapter = [info?.vendor, info?.architecture, info?.device, info?.description]
    .filter(Boolean)
    .join(' ');
  const emulated = isEmulated(adapter) || info?.isFallbackAdapter || isFallbackAdapter;
  return { adapter: adapter || 'unnamed', ...(emulated && { emulated: 'true' }) };
}
