import type {
  Device,
  DeviceBuffer,
  DType,
  MemoryCounters,
  Op,
  OpCall,
  Operand,
  ShapedInput,
} from '../../contracts/device.ts';
import { DeviceError } from '../../errors.ts';
import { slotRuns } from '../../ops/memory.ts';
import { checkWrite, MemoryLedger } from '../memory.ts';
import { kernelFailed } from './compile.ts';
import type { Engine, LaunchArgument, Store } from './engine.ts';
import type { KernelArgument, KernelPlan, KernelStep } from './plan.ts';
import { planOf } from './plans.ts';

/** Ids and positions are floats to gpu.js, so the dtype only decides what `read` returns. */
interface GpujsBuffer extends DeviceBuffer {
  readonly store: Store;
  /** The numbers of an i32 buffer, as long as all of them came from the host. */
  known: Int32Array | undefined;
}

/** Arguments whose numbers a plan is made from, by operation. */
const numbersOf: Readonly<Record<string, string>> = { attention: 'cursor', storeRows: 'slots' };

/** The operation that stores rows in place, which is no kernel but writes. */
const STORE = 'storeRows';

/** More array arguments than this, and a WebGPU kernel has more than its eight storage buffers. */
const MOST_ARRAYS = 7;

/** A gpu.js mode as a device: turns operations into plans, and plans into launches of its engine. */
export class GpujsDevice implements Device {
  readonly name: string;
  readonly precision = { dtype: 'f32', epsilon: 2 ** -24 } as const;
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
    return this.#own(
      this.#engine.allocate(length),
      dtype,
      dtype === 'i32' ? new Int32Array(length) : undefined,
    );
  }

  upload(data: Float32Array | Int32Array): DeviceBuffer {
    this.#check('upload');
    const store = this.#engine.upload(asFloats(data));
    return data instanceof Int32Array ? this.#own(store, 'i32', data.slice()) : this.#own(store, 'f32');
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
    if (!ArrayBuffer.isView(source)) this.#ledger.check(source, 'write');
    const from = ArrayBuffer.isView(source) ? asFloats(source) : (source as GpujsBuffer).store;
    this.#engine.write(store, offset, from, sourceOffset, length);
    follow(target as GpujsBuffer, offset, source as Int32Array | GpujsBuffer, sourceOffset, length);
  }

  run({ op, inputs, params, outputs }: OpCall): readonly DeviceBuffer[] {
    this.#check(op.name);
    const stores = new Map<string, Store>();
    for (const [name, { buffer }] of Object.entries(inputs)) {
      this.#ledger.check(buffer, op.name);
      stores.set(name, (buffer as GpujsBuffer).store);
    }
    if (op.name === STORE) {
      this.#storeRows(inputs);
      return [];
    }
    const plan = planOf(op)!(withNumbers(op, inputs), params, outputs, this.#engine.target);
    const results = this.#launch(op.name, plan, stores, outputs.length);
    return outputs.map((output, i) => this.#own(results[i]!, output.dtype));
  }

  supports(op: Op, inputs: Readonly<Record<string, ShapedInput>>): readonly string[] {
    if (op.name !== STORE && !planOf(op))
      return [`the operation ${op.name} brings no gpu.js plan (its \`gpujs\`)`];
    const long = tooLong(inputs);
    if (long.length > 0) return long;
    const name = numbersOf[op.name];
    const input = name === undefined ? undefined : inputs[name];
    if (!input || !('buffer' in input) || (input.buffer as GpujsBuffer).known) return [];
    return [
      `${name} was computed on the device, and its numbers decide what gpu.js runs: upload them, or write them from the host`,
    ];
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

  #storeRows({ target, rows, slots }: OpCall['inputs']): void {
    const [to, from] = [target!.buffer as GpujsBuffer, rows!.buffer as GpujsBuffer];
    const B = target!.shape[0]!;
    const S = target!.shape[1]!;
    if (from.length === 0) return;
    const width = from.length / (B * rows!.shape[1]!);
    for (const run of slotRuns((slots!.buffer as GpujsBuffer).known!, 0, slots!.shape, B, S)) {
      const at = run.to * width;
      const start = run.from * width;
      const length = run.count * width;
      this.#engine.write(to.store, at, from.store, start, length);
      follow(to, at, from, start, length);
    }
  }

  /** Runs the steps of a plan; frees what is no result. */
  #launch(op: string, plan: KernelPlan, stores: Map<string, Store>, count: number): Store[] {
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
        const result = this.#attempt(op, step, args, into);
        if (!part) remember(step.name, result);
      }
      const results = plan.outputs.map((name) => made.get(name));
      const missing = plan.outputs.find((name, i) => !results[i] || plan.outputs.indexOf(name) !== i);
      if (missing !== undefined || results.length !== count) {
        throw new DeviceError(
          this.name,
          missing === undefined
            ? `a plan returns ${results.length} results, and its operation declares ${count}`
            : `a plan returns "${missing}", which no step makes or which is returned twice`,
        );
      }
      for (const name of plan.outputs) made.delete(name);
      return results as Store[];
    } finally {
      for (const store of made.values()) this.#engine.free(store);
    }
  }

  #attempt(op: string, step: KernelStep, args: readonly LaunchArgument[], into: Store | undefined): Store {
    try {
      return this.#engine.launch(step, args, into, op);
    } catch (error) {
      throw kernelFailed(this.#engine.target.mode, step, error, op);
    }
  }

  #own(store: Store, dtype: DType, known?: Int32Array): GpujsBuffer {
    return this.#ledger.add({ dtype, length: store.length, store, known });
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

/** A kernel counts along an axis in float32. */
const LONGEST_AXIS = 2 ** 24;

function tooLong(inputs: Readonly<Record<string, ShapedInput>>): readonly string[] {
  const reasons: string[] = [];
  for (const name in inputs) {
    for (const size of inputs[name]!.shape) {
      if (size > LONGEST_AXIS)
        reasons.push(
          `${name} has an axis of ${size}, and gpu.js counts to ${LONGEST_AXIS}: cut it into two axes`,
        );
    }
  }
  return reasons;
}

/** The inputs of a plan, of which one may be needed on the host. */
function withNumbers(op: Op, inputs: OpCall['inputs']): Readonly<Record<string, ShapedInput>> {
  const name = numbersOf[op.name];
  const input: Operand | undefined = name === undefined ? undefined : inputs[name];
  return input ? { ...inputs, [name!]: { ...input, known: (input.buffer as GpujsBuffer).known } } : inputs;
}

/** What is known of an i32 buffer, after a write into it. */
function follow(
  target: GpujsBuffer,
  offset: number,
  source: Int32Array | GpujsBuffer,
  sourceOffset: number,
  length: number,
): void {
  if (target.dtype !== 'i32') return;
  const from = ArrayBuffer.isView(source) ? source : source.known;
  if (from && length === target.length) target.known ??= new Int32Array(length);
  if (from) target.known?.set(from.subarray(sourceOffset, sourceOffset + length), offset);
  else target.known = undefined;
}

function asFloats(data: Float32Array | Int32Array): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data);
}
