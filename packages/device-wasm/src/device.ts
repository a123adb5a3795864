import {
  checkWrite,
  type Device,
  type DeviceBuffer,
  DeviceError,
  type DType,
  type HostData,
  type MemoryCounters,
  type Op,
  type OpCall,
  type RowFormat,
} from '@headwise/tensor';
import { storedRows, WasmBuffer } from './buffer.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { Kit } from './kit.ts';
import type { Simd } from './module.ts';
import { attentionReasons } from './ops/attention.ts';
import { runners } from './ops/index.ts';
import { writeRows } from './stored-rows.ts';

/** Options of `createWasm`. */
export interface WasmOptions {
  /** Threads that work on one operation, the calling one included. Default: the number of cores, at most 8. */
  readonly threads?: number | undefined;
  /** Which instructions to use. Default: relaxed SIMD where the runtime has it, else simd128. */
  readonly simd?: Simd | undefined;
}

/**
 * Makes the WebAssembly device: every operation of the contract, computed at once on the calling thread and its
 * helpers. `run` returns when the work is done, so a long prefill occupies the calling thread meanwhile; in a page
 * that must stay responsive, use it in a worker.
 *
 * @throws {DeviceError} if this runtime has no WebAssembly SIMD, or not the one asked for, or gives no memory, or
 *   `threads` is not a whole number from 1 to 64.
 */
export async function createWasm(options: WasmOptions = {}): Promise<WasmDevice> {
  return createWasmWith(options);
}

/** `createWasm` with the options that tests need. */
export async function createWasmWith(options: EngineOptions): Promise<WasmDevice> {
  return new WasmDevice(await Engine.create(options));
}

/** A heap in WebAssembly memory and the kernels over it. */
export class WasmDevice implements Device {
  readonly name = 'wasm';
  readonly precision = 'f32';
  readonly details: Readonly<Record<string, string>>;
  readonly #engine: Engine;
  readonly #live = new Set<WasmBuffer>();
  #liveBytes = 0;
  #peakBytes = 0;
  #ran: string | undefined;
  #disposed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.details = {
      engine: engine.simd === 'relaxed' ? 'WebAssembly, relaxed SIMD' : 'WebAssembly, simd128',
      threads: String(engine.threads),
    };
  }

  get ran(): string | undefined {
    return this.#ran;
  }

  /** Bytes are those a buffer takes: 4 an element, less for weights stored in fewer bits. */
  get memory(): MemoryCounters {
    return { liveBytes: this.#liveBytes, peakBytes: this.#peakBytes, buffers: this.#live.size };
  }

  resetPeak(): void {
    this.#peakBytes = this.#liveBytes;
  }

  allocate(length: number, dtype: DType): DeviceBuffer {
    this.#check('allocate');
    const address = this.#engine.heap.allocate(length * 4);
    this.#engine.heap.views.u8.fill(0, address, address + length * 4);
    return this.own(new WasmBuffer(dtype, length, address));
  }

  allocateRows(rows: number, width: number, format: RowFormat): DeviceBuffer {
    this.#check('allocateRows');
    const stored = storedRows(width, format);
    const counted = rows * stored.bytes;
    const address = this.#engine.heap.allocate(counted);
    this.#engine.heap.views.u8.fill(0, address, address + counted);
    return this.own(new WasmBuffer('f32', rows * width, address, { counted, stored }));
  }

  upload(data: Float32Array | Int32Array): DeviceBuffer {
    this.#check('upload');
    const address = this.#engine.heap.allocate(data.byteLength);
    const { f32, i32 } = this.#engine.heap.views;
    const dtype = data instanceof Int32Array ? 'i32' : 'f32';
    (dtype === 'i32' ? i32 : f32).set(data, address / 4);
    return this.own(new WasmBuffer(dtype, data.length, address, { constant: true }));
  }

  async read(buffer: DeviceBuffer, start = 0, end = buffer.length): Promise<Float32Array | Int32Array> {
    this.#check('read');
    const held = this.#held(buffer, 'read');
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
    this.#check('write');
    const to = this.#held(target, 'write');
    checkWrite(this.name, target, offset, source, sourceOffset, length);
    const kit = new Kit(this.#engine);
    if (to.stored || (!ArrayBuffer.isView(source) && this.#held(source, 'write').stored)) {
      try {
        writeRows(kit, to, offset, source as HostData | WasmBuffer, sourceOffset, length);
        return;
      } finally {
        kit.end();
      }
    }
    kit.rowsOnly(to);
    const at = to.address / 4 + offset;
    if (ArrayBuffer.isView(source)) {
      const view = to.dtype === 'i32' ? this.#engine.heap.views.i32 : this.#engine.heap.views.f32;
      view.set(source.subarray(sourceOffset, sourceOffset + length), at);
      return;
    }
    const from = this.#held(source, 'write');
    const first = kit.rowsOf(from) / 4 + sourceOffset;
    const { i32 } = this.#engine.heap.views;
    if (from.dtype === to.dtype) i32.copyWithin(at, first, first + length);
    else this.#convert(from, to, first, at, length);
  }

  run(call: OpCall): readonly DeviceBuffer[] {
    const { op, inputs, outputs } = call;
    this.#check(op.name);
    for (const name in inputs) this.#held(inputs[name]!.buffer, op.name);
    const runner = runners[op.name];
    if (!runner)
      throw new DeviceError(this.name, `cannot run ${op.name}`, this.supports(op), 'Choose another device.');
    const kit = new Kit(this.#engine);
    try {
      const empty = outputs.every(({ shape }) => shape.includes(0));
      const results = empty ? outputs.map((output) => kit.output(output)) : runner(kit, call);
      this.#ran = this.#engine.simd === 'relaxed' ? 'relaxed-simd' : 'simd128';
      return results.map((buffer) => this.own(buffer));
    } finally {
      kit.end();
    }
  }

  supports(op: Op, params: object = {}): readonly string[] {
    if (op.name === 'attention') return attentionReasons(params);
    if (Object.hasOwn(runners, op.name)) return [];
    return [`${op.name} is not one of the operations this device has kernels for`];
  }

  free(buffer: DeviceBuffer): void {
    if (this.#disposed) return;
    const held = this.#held(buffer, 'free');
    this.#live.delete(held);
    this.#liveBytes -= held.counted;
    this.#engine.heap.free(held.address);
    for (const { address } of held.packs ?? []) this.#engine.heap.free(address);
  }

  async settled(): Promise<void> {}

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#live.clear();
    this.#liveBytes = 0;
    this.#engine.dispose();
  }

  /** The engine, for what this package builds on top of the contract. */
  get engine(): Engine {
    return this.#engine;
  }

  /** Takes a buffer into the books. */
  own(buffer: WasmBuffer): WasmBuffer {
    this.#live.add(buffer);
    this.#liveBytes += buffer.counted;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return buffer;
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

  #held(buffer: DeviceBuffer, what: string): WasmBuffer {
    if (this.#live.has(buffer as WasmBuffer)) return buffer as WasmBuffer;
    throw new DeviceError(this.name, `${what} was given a buffer that is not live on this device`, [
      'it was disposed, or belongs to another device',
    ]);
  }

  #check(what: string): void {
    if (this.#disposed)
      throw new DeviceError(this.name, `${what} on a disposed device`, [], 'Create a new one.');
  }
}
