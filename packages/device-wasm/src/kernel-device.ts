import {
  checkWrite,
  type Device,
  type DeviceBuffer,
  DeviceError,
  type DType,
  type HostData,
  type MemoryCounters,
  MemoryLedger,
  type Op,
  type OpCall,
  type OutputSpec,
  type ShapedInput,
  sizeOf,
} from '@headwise/tensor';
import { WasmBuffer } from './buffer.ts';
import type { Engine } from './engine.ts';
import { Kit } from './kit.ts';
import type { Operations } from './ops/operations.ts';
import { writeRows } from './stored-rows.ts';

/** A heap in WebAssembly memory and the kernels over it. */
export class KernelDevice implements Device {
  readonly name = 'wasm';
  readonly precision = { dtype: 'f32', epsilon: 2 ** -24 } as const;
  readonly details: Readonly<Record<string, string>>;
  readonly #engine: Engine;
  readonly #operations: Operations;
  readonly #ledger = new MemoryLedger('wasm');
  #ran: string | undefined;
  #disposed = false;

  constructor(engine: Engine, operations: Operations) {
    this.#engine = engine;
    this.#operations = operations;
    this.details = {
      engine: engine.simd === 'relaxed' ? 'WebAssembly, relaxed SIMD' : 'WebAssembly, simd128',
      threads: String(engine.threads),
      ...(engine.activations === 'int8' && { activations: 'int8' }),
    };
  }

  get ran(): string | undefined {
    return this.#ran;
  }

  /** With `extraBytes`, `liveBytes` are what the heap has handed out. */
  get memory(): MemoryCounters {
    const { counters } = this.#ledger;
    return { ...counters, extraBytes: this.#disposed ? 0 : this.#engine.heap.used - counters.liveBytes };
  }

  resetPeak(): void {
    this.#ledger.resetPeak();
  }

  allocate(length: number, dtype: DType): DeviceBuffer {
    this.check('allocate');
    this.#engine.recorder?.refuse('zeros are made on the host');
    const address = this.#engine.heap.allocate(length * 4);
    this.#engine.heap.views.u8.fill(0, address, address + length * 4);
    return this.own(new WasmBuffer(dtype, length, address));
  }

  upload(data: Float32Array | Int32Array): DeviceBuffer {
    this.check('upload');
    const { recorder } = this.#engine;
    const address = recorder
      ? recorder.allocate(data.byteLength, data)
      : this.#engine.heap.allocate(data.byteLength);
    const { f32, i32 } = this.#engine.heap.views;
    const dtype = data instanceof Int32Array ? 'i32' : 'f32';
    (dtype === 'i32' ? i32 : f32).set(data, address / 4);
    const layout = { kind: 'constant', packs: [] } as const;
    return this.own(new WasmBuffer(dtype, data.length, address, layout, undefined, recorder?.arena));
  }

  async read(buffer: DeviceBuffer, start = 0, end = buffer.length): Promise<Float32Array | Int32Array> {
    this.check('read');
    const held = this.held(buffer, 'read');
    if (held.stored) return this.#readRows(held, start, end);
    if (!held.panels) return this.#copyOut(held.dtype, held.address, start, end);
    const kit = new Kit(this.#engine);
    try {
      const rows = kit.temporary(held.length * 4);
      kit.unpackInto(held, rows);
      return this.#copyOut('f32', rows, start, end);
    } finally {
      kit.end();
    }
  }

  write(
    target: DeviceBuffer,
    offset: number,
    source: Float32Array | Int32Array | DeviceBuffer,
    sourceOffset = 0,
    length = source.length - sourceOffset,
  ): void {
    this.check('write');
    const to = this.held(target, 'write');
    this.#engine.recorder?.refuse('the host writes');
    checkWrite(this.name, target, offset, source, sourceOffset, length);
    const from = ArrayBuffer.isView(source) ? source : this.held(source, 'write');
    const kit = new Kit(this.#engine);
    try {
      if (to.stored || (!ArrayBuffer.isView(from) && from.stored))
        writeRows(kit, to, offset, from as HostData | WasmBuffer, sourceOffset, length);
      else this.#writePlain(kit, to, offset, from, sourceOffset, length);
    } finally {
      kit.end();
    }
  }

  run(call: OpCall): readonly DeviceBuffer[] {
    const { op, inputs, outputs } = call;
    this.check(op.name);
    for (const name in inputs) this.held(inputs[name]!.buffer, op.name);
    const runner = this.#operations.runners[op.name]!;
    const kit = new Kit(this.#engine);
    const { scratch, recorder } = this.#engine;
    recorder?.begin(
      op.name,
      buffersOf(inputs),
      op.stores ? (inputs[op.stores]!.buffer as WasmBuffer) : undefined,
    );
    let failed = true;
    try {
      const results = areEmpty(outputs) ? outputs.map((output) => kit.output(output)) : runner(kit, call);
      this.#ran = this.#engine.simd === 'relaxed' ? 'relaxed-simd' : 'simd128';
      failed = false;
      for (const buffer of results) this.own(buffer);
      return results;
    } finally {
      kit.end(failed);
      recorder?.end();
      if (failed) this.#engine.restoreScratch(scratch);
    }
  }

  supports(op: Op, inputs: Readonly<Record<string, ShapedInput>>, params: object): readonly string[] {
    const { runners, reasons, lacking } = this.#operations;
    if (!Object.hasOwn(runners, op.name)) return [lacking(op.name)];
    return reasons[op.name]?.(inputs, params) ?? [];
  }

  free(buffer: DeviceBuffer): void {
    if (this.#disposed) return;
    const held = buffer as WasmBuffer;
    this.#ledger.remove(held);
    this.#release(held);
    for (const { address } of held.packs) this.#engine.heap.free(address);
  }

  async settled(): Promise<void> {}

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#ledger.clear();
    this.#engine.dispose();
  }

  /** The engine, for what this package builds on top of the contract. */
  get engine(): Engine {
    return this.#engine;
  }

  /** Memory of a recorded step goes back to its recording, but for panels, which are beside it. */
  #release({ arena, address }: WasmBuffer): void {
    const { recorder, heap, lost } = this.#engine;
    if (!arena?.has(address)) heap.free(address);
    else if (recorder?.arena === arena) recorder.release(address);
    else if (!lost) arena.release(address, false);
  }

  protected isLive(buffer: DeviceBuffer): boolean {
    return this.#ledger.has(buffer);
  }

  protected own(buffer: WasmBuffer): WasmBuffer {
    return this.#ledger.add(buffer);
  }

  #writePlain(
    kit: Kit,
    to: WasmBuffer,
    offset: number,
    from: Float32Array | Int32Array | WasmBuffer,
    start: number,
    length: number,
  ): void {
    kit.rowsOnly(to);
    const at = to.address / 4 + offset;
    if (ArrayBuffer.isView(from)) {
      const { f32, i32 } = this.#engine.heap.views;
      (to.dtype === 'i32' ? i32 : f32).set(from.subarray(start, start + length), at);
      return;
    }
    const first = kit.rowsOf(from) / 4 + start;
    const { i32 } = this.#engine.heap.views;
    if (from.dtype === to.dtype) i32.copyWithin(at, first, first + length);
    else this.#convert(from, to, first, at, length);
  }

  #copyOut(dtype: DType, address: number, start: number, end: number): Float32Array | Int32Array {
    const { f32, i32 } = this.#engine.heap.views;
    const from = address / 4;
    // slice() of shared memory would make another shared array
    const view =
      dtype === 'i32' ? i32.subarray(from + start, from + end) : f32.subarray(from + start, from + end);
    return dtype === 'i32' ? new Int32Array(view as Int32Array) : new Float32Array(view as Float32Array);
  }

  #readRows(held: WasmBuffer, start: number, end: number): Float32Array {
    const { width } = held.stored!;
    const kit = new Kit(this.#engine);
    try {
      const first = Math.floor(start / Math.max(1, width));
      const rows = Math.ceil(end / Math.max(1, width)) - first;
      const target = kit.temporary(rows * width * 4);
      kit.loadRows(held, first, rows, target);
      const from = start - first * width;
      return this.#copyOut('f32', target, from, from + end - start) as Float32Array;
    } finally {
      kit.end();
    }
  }

  #convert(from: WasmBuffer, to: WasmBuffer, first: number, at: number, length: number): void {
    const { f32, i32 } = this.#engine.heap.views;
    const source = from.dtype === 'i32' ? i32 : f32;
    const target = to.dtype === 'i32' ? i32 : f32;
    for (let n = 0; n < length; n++) target[at + n] = source[first + n]!;
  }

  protected held(buffer: DeviceBuffer, what: string): WasmBuffer {
    this.#ledger.check(buffer, what);
    return buffer as WasmBuffer;
  }

  protected check(what: string): void {
    if (this.#disposed)
      throw new DeviceError(this.name, `${what} on a disposed device`, [], 'Create a new one.');
  }
}

function* buffersOf(inputs: OpCall['inputs']): Generator<WasmBuffer> {
  for (const name in inputs) yield inputs[name]!.buffer as WasmBuffer;
}

/** Whether there is nothing to compute: every result has an axis of 0. */
function areEmpty(outputs: readonly OutputSpec[]): boolean {
  if (outputs.length === 0) return false;
  for (const { shape } of outputs) if (sizeOf(shape) !== 0) return false;
  return true;
}
