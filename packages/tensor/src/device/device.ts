import type { Op } from '../op.ts';
import type { RowFormat } from './row-format.ts';

/** `f32`: values. `i32`: ids and positions; exact up to 2^24 on every device (gpu.js carries them as floats). */
export type DType = 'f32' | 'i32';

/** The host array of a dtype. */
export type HostData<T extends DType = DType> = T extends 'i32' ? Int32Array : Float32Array;

/**
 * Memory that a device owns. Opaque to everyone but its device: a gpu.js handle, an offset into a WASM heap, a
 * Float64Array. A device whose handles arrive by promise hides that in here.
 */
export interface DeviceBuffer {
  readonly dtype: DType;
  /** Number of elements. */
  readonly length: number;
  /** What the device counts for it, where that is not 4 bytes an element. */
  readonly bytes?: number;
}

/** One tensor argument of an operation, as the device sees it. */
export interface Operand {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly buffer: DeviceBuffer;
}

/** Shape and dtype of one result of an operation. */
export interface OutputSpec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** One operation with its arguments, already validated. */
export interface OpCall {
  readonly op: Op;
  /** By name; an optional input that was not given is absent. */
  readonly inputs: Readonly<Record<string, Operand>>;
  readonly params: object;
  /** What the operation will return, in order. */
  readonly outputs: readonly OutputSpec[];
}

/**
 * What a device holds. Bytes are those of the declared dtype (4 an element), the same count on every device, and less
 * for what is kept in fewer bits.
 */
export interface MemoryCounters {
  readonly liveBytes: number;
  readonly peakBytes: number;
  readonly buffers: number;
}

/**
 * Where operations run. Everything but `read` returns at once; the device keeps the order of calls, so that an
 * operation sees every `write` before it and none after it.
 */
export interface Device {
  /** As asked for: `reference`, `gpujs:webasm`, `wasm`. */
  readonly name: string;
  /** Arithmetic of the results: `f64` only for the oracle. */
  readonly precision: 'f32' | 'f64';
  /**
   * The engine that executed the last operation, as the engine itself reports it (`webasm`, `webgpu`, …);
   * `undefined` before the first. A device never falls back to another engine: it throws `DeviceError`.
   */
  readonly ran: string | undefined;
  /** What stands behind the device: adapter, threads, versions, `emulated: "true"` for a GPU that is software. */
  readonly details: Readonly<Record<string, string>>;

  /** A buffer of zeros. */
  allocate(length: number, dtype: DType): DeviceBuffer;
  /**
   * `rows · width` zeros of f32 whose rows are kept in fewer bits; `write` takes whole rows there, and throws a
   * `ValueError` before it stores any of them where a finite number is above `largestIn(format)`. Absent where a device
   * keeps 32 bits only; `zerosIn` calls it and says so.
   */
  allocateRows?(rows: number, width: number, format: RowFormat): DeviceBuffer;
  /** A buffer with these values. The array may be changed by the caller afterwards. */
  upload(data: Float32Array | Int32Array): DeviceBuffer;
  /** Copies a buffer (or part of it) to the host. */
  read(buffer: DeviceBuffer, start?: number, end?: number): Promise<Float32Array | Int32Array>;
  /**
   * Overwrites `length` elements of `target` from `offset` on, and touches nothing else: a cache appends one row
   * without copying the rest. The source is host data or another buffer of this device, never `target` itself.
   */
  write(
    target: DeviceBuffer,
    offset: number,
    source: Float32Array | Int32Array | DeviceBuffer,
    sourceOffset?: number,
    length?: number,
  ): void;
  /** Runs one operation into new buffers. */
  run(call: OpCall): readonly DeviceBuffer[];
  /** Why the device cannot run an operation with these parameters; empty when it can. */
  supports(op: Op, params?: object): readonly string[];
  /** Gives a buffer back. Its tensor does this; a buffer is freed once. */
  free(buffer: DeviceBuffer): void;
  readonly memory: MemoryCounters;
  /** Sets `peakBytes` to what is live now. */
  resetPeak(): void;
  /** Waits until everything asked for so far has been computed; for clocks. */
  settled(): Promise<void>;
  /** Frees everything. Every later call throws `DeviceError`. */
  dispose(): void;
}
