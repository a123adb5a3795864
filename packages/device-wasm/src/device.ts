import {
  checkIntake,
  checkStore,
  type DeviceBuffer,
  type DeviceFactory,
  type Intake,
  type Recording,
  type RowFormat,
  sizeOf,
} from '@headwise/tensor';
import { storedRows, WasmBuffer } from './buffer.ts';
import { type Activations, Engine, type EngineOptions } from './engine.ts';
import * as kernels from './generated/kernels.ts';
import { WasmIntake } from './intake.ts';
import { KernelDevice } from './kernel-device.ts';
import { Kit } from './kit.ts';
import type { Simd } from './module.ts';
import { operations } from './ops/index.ts';
import { WasmRecording } from './recording.ts';
import { filled, storedWeight } from './weights.ts';

/** Options of `createWasm`. */
export interface WasmOptions {
  /** Threads that work on one operation, the calling one included. Default: the number of cores, at most 8. */
  readonly threads?: number | undefined;
  /** Which instructions to use. Default: relaxed SIMD where the runtime has it, else simd128. */
  readonly simd?: Simd | undefined;
  /**
   * How products with weights in Q8_0, Q4_0 and Q4_1 read the other side. `exact`, the default: as it is, to the rounding of
   * f32. `int8`: rounded to 8 bits in blocks of 32, as llama.cpp does and `toEightBits` says; each number is then off by at most
   * 1/254 of the largest of its block, and decoding is faster. Weights in other formats are not concerned.
   */
  readonly activations?: Activations | undefined;
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

/** The device as a value, for `createDevice` and the kits; with options, call `createWasm`. */
export const wasm: DeviceFactory = { name: 'wasm', preference: 50, create: () => createWasm() };

/** `createWasm` with the options that tests need. */
export async function createWasmWith(options: EngineOptions): Promise<WasmDevice> {
  return new WasmDevice(await Engine.create(kernels, options), operations);
}

/** The device with all kernels: weights and rows of caches in fewer bits too. */
export class WasmDevice extends KernelDevice {
  /**
   * Zeros in fewer bits, or a weight: as the contract says.
   * @throws {ShapeError | ValueError | DeviceError} as `Device.store` does.
   */
  store(shape: readonly number[], format: RowFormat, source?: Uint8Array | DeviceBuffer): DeviceBuffer {
    this.check('store');
    checkStore('store', shape, format, source);
    if (!source) return this.#storeZeros(shape, format);
    if (source instanceof Uint8Array) return filled(this.#intake('uploadWeights', shape, format, 1), source);
    const from = this.held(source, 'store');
    const kit = new Kit(this.engine);
    try {
      return this.own(storedWeight(kit, shape, format, from));
    } finally {
      kit.end();
    }
  }

  /**
   * A buffer that is filled piece by piece, in shared memory in place: as the contract says.
   * @throws {ShapeError | ValueError | DeviceError} as `Device.intake` does.
   */
  intake(shape: readonly number[], format?: RowFormat): Intake {
    this.check('intake');
    checkIntake(shape, format);
    return this.#intake('intake', shape, format);
  }

  /**
   * A recording whose steps are noted twice and then done by all threads without coming back: as the contract says.
   * @throws {DeviceError} if the device is disposed.
   */
  record(): Recording {
    this.check('record');
    return new WasmRecording({
      device: this,
      engine: this.engine,
      check: (what) => this.check(what),
      own: (buffer) => this.own(buffer),
      isLive: (buffer) => this.isLive(buffer),
    });
  }

  #intake(op: string, shape: readonly number[], format?: RowFormat, ahead?: number): WasmIntake {
    const check = (what: string): void => this.check(what);
    const own = (buffer: WasmBuffer): WasmBuffer => this.own(buffer);
    return new WasmIntake({ engine: this.engine, check, own }, op, shape, format, ahead);
  }

  #storeZeros(shape: readonly number[], format: RowFormat): DeviceBuffer {
    const width = shape.at(-1)!;
    const rows = sizeOf(shape.slice(0, -1));
    const stored = storedRows(width, format);
    const bytes = rows * stored.bytes;
    const { heap } = this.engine;
    const address = heap.allocate(bytes);
    heap.views.u8.fill(0, address, address + bytes);
    const layout = { ...stored, kind: 'stored', odd: false } as const;
    return this.own(new WasmBuffer('f32', rows * width, address, layout, bytes));
  }
}
