import type { Device, DeviceBuffer, DType, MemoryCounters, Op, OpCall } from '../../contracts/device.ts';
import { DeviceError } from '../../errors.ts';
import { checkWrite, MemoryLedger } from '../memory.ts';
import { kernelFailed } from './compile.ts';
import type { Engine, LaunchArgument, Store } from './engine.ts';
import type { KernelArgument, KernelPlan, KernelStep } from './plan.ts';
import { planOf } from './plans.ts';

/** Ids and positions are floats to gpu.js, so the dtype only decides what `read` returns. */
interface GpujsBuffer extends DeviceBuffer {
  readonly store: Store;
}

/** More array arguments than this, and a WebGPU kernel has more than its eight storage buffers. */
const MOST_ARRAYS = 7;

/** A gpu.js mode as a device: turns operations into plans, and plans into launches of its engine. */
export class GpujsDevice implements Device {
  readonly name: string;
  readonly precision = 'f32';
  readonly #engine: Engine;
  readonly #ledger: MemoryLedger;
  readonly #onDispose: () => void;
  #disposed = false;

  constructor(engine: Engine, onDispose: () => void) {
    this.name = `gpujs:${engine.target.mode}`;
    this.#engine = engine;
    this.#ledger = new MemoryLedger(this.name);
    this.#onDispose = onDispose;
  }

  get ran(): string | undefined {
    return this.#engine.ran;
  }

  get details(): Readonly<Record<string, string>> {
    return this.#engine.details;
  }

  get memory(): MemoryCounters {
    return this.#ledger.counters;
  }

  resetPeak(): void {
    this.#ledger.resetPeak();
  }

  allocate(length: number, dtype: DType): DeviceBuffer {
    this.#check('allocate');
    return this.#own(this.#engine.allocate(length), dtype);
  }

  upload(data: Float32Array | Int32Array): DeviceBuffer {
    this.#check('upload');
    return this.#own(this.#engine.upload(asFloats(data)), data instanceof Int32Array ? 'i32' : 'f32');
  }

  async read(buffer: DeviceBuffer, start = 0, end = buffer.length): Promise<Float32Array | Int32Array> {
    this.#check('read');
    this.#ledger.check(buffer, 'read');
    const values = await this.#engine.read((buffer as GpujsBuffer).store, start, end);
    return buffer.dtype === 'i32' ? Int32Array.from(values) : values;
  }

  write(
    target: DeviceBuffer,
    offset: number,
    source: Float32Array | Int32Array | DeviceBuffer,
    sourceOffset = 0,
    length = source.length - sourceOffset,
  ): void {
    this.#check('write');
    this.#ledger.check(target, 'write');
    checkWrite(this.name, target, offset, source, sourceOffset, length);
    if (length === 0) return;
    const { store } = target as GpujsBuffer;
    if (ArrayBuffer.isView(source)) {
      this.#engine.write(store, offset, asFloats(source), sourceOffset, length);
    } else {
      this.#ledger.check(source, 'write');
      this.#engine.write(store, offset, (source as GpujsBuffer).store, sourceOffset, length);
    }
  }

  run({ op, inputs, params, outputs }: OpCall): readonly DeviceBuffer[] {
    this.#check(op.name);
    const stores = new Map<string, Store>();
    for (const [name, { buffer }] of Object.entries(inputs)) {
      this.#ledger.check(buffer, op.name);
      stores.set(name, (buffer as GpujsBuffer).store);
    }
    const makePlan = planOf(op);
    if (!makePlan) throw new DeviceError(this.name, `cannot run ${op.name}`, this.supports(op));
    const plan = makePlan(inputs, params, outputs, this.#engine.target);
    const results = this.#launch(plan, stores);
    return outputs.map((output, i) => this.#own(results[i]!, output.dtype));
  }

  supports(op: Op): readonly string[] {
    return planOf(op) ? [] : [`the operation ${op.name} brings no gpu.js plan (its \`gpujs\`)`];
  }

  free(buffer: DeviceBuffer): void {
    if (this.#disposed) return;
    this.#ledger.remove(buffer);
    this.#engine.free((buffer as GpujsBuffer).store);
  }

  async settled(): Promise<void> {
    this.#check('settled');
    await this.#engine.settled();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#ledger.live) this.#engine.free((buffer as GpujsBuffer).store);
    this.#ledger.clear();
    this.#engine.dispose();
    this.#onDispose();
  }

  /** Runs the steps of a plan; frees what is no result. */
  #launch(plan: KernelPlan, stores: Map<string, Store>): Store[] {
    const made = new Map<string, Store>();
    const remember = (name: string, store: Store): void => {
      // a step of the next chunk has the name of the last one
      const replaced = made.get(name);
      if (replaced) this.#engine.free(replaced);
      made.set(name, store);
      stores.set(name, store);
    };
    try {
      for (const step of plan.steps) {
        const { part } = step;
        if (part && !made.has(part.of)) remember(part.of, this.#engine.allocate(part.length));
        const args = step.args.map((argument) => resolve(argument, stores));
        if (args.filter((argument) => 'store' in argument).length > MOST_ARRAYS)
          throw new DeviceError(this.name, `kernel "${step.name}" takes more than ${MOST_ARRAYS} arrays`);
        const into = part && made.get(part.of);
        if (step.length === 0) {
          if (!part) remember(step.name, this.#engine.allocate(0));
          continue;
        }
        const result = this.#attempt(step, args, into);
        if (!part) remember(step.name, result);
      }
      return plan.outputs.map((name) => {
        const store = made.get(name)!;
        made.delete(name);
        return store;
      });
    } finally {
      for (const store of made.values()) this.#engine.free(store);
    }
  }

  #attempt(step: KernelStep, args: readonly LaunchArgument[], into: Store | undefined): Store {
    try {
      return this.#engine.launch(step, args, into);
    } catch (error) {
      throw kernelFailed(this.#engine.target.mode, step, error);
    }
  }

  #own(store: Store, dtype: DType): GpujsBuffer {
    return this.#ledger.add({ dtype, length: store.length, store });
  }

  #check(what: string): void {
    if (this.#disposed)
      throw new DeviceError(this.name, `${what} on a disposed device`, [], 'Create a new one.');
  }
}

function resolve(argument: KernelArgument, stores: ReadonlyMap<string, Store>): LaunchArgument {
  if (typeof argument === 'string') {
    const store = stores.get(argument)!;
    return { store, size: [store.length] };
  }
  if ('array' in argument) {
    const { array, size, ...range } = argument;
    return { store: stores.get(array)!, size: size.map((axis) => axis ?? 1), ...range };
  }
  return argument;
}

function asFloats(data: Float32Array | Int32Array): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data);
}
