import type { Shaped } from '../axes.ts';
import type { KernelPlan, PlanTarget } from '../device/gpujs/plan.ts';
import type { RowFormat } from './format.ts';
import type { Gradient } from './gradient.ts';

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

/** A tensor as operations and devices see it; `Tensor` is the one there is. */
export interface TensorHandle extends Shaped {
  readonly device: Device;
  readonly dtype: DType;
  /** The buffer, for `op` to read as its argument `name`. @throws {DeviceError} if the tensor is disposed. */
  use(op: string, name?: string): DeviceBuffer;
  /** A tensor over another buffer of the same device, which it owns. Never throws. */
  over(buffer: DeviceBuffer, shape: readonly number[]): TensorHandle;
  /** Another tensor over the same memory, which is freed with the last of the two. Never throws. */
  sharing(shape: readonly number[]): TensorHandle;
  /**
   * Copies the values to the host; resolves when everything the tensor depends on has been computed.
   * @throws {DeviceError} if the tensor is disposed, or what it depends on failed.
   */
  data(): Promise<HostData>;
  /** Frees the memory when this is the last tensor over it. Never throws. */
  dispose(): void;
}

/** Tensor arguments by name; an optional one may be absent or `undefined`. */
export type OpInputs = { readonly [name: string]: TensorHandle | undefined };

/** A tensor argument as host numbers, for the reference. */
export interface HostArray extends Shaped {
  readonly data: Float64Array | Int32Array;
}

/** A tensor argument as shape and dtype, for checking. */
export interface ShapedInput extends Shaped {
  readonly dtype: DType;
  /** The numbers of an i32 argument, where the device has them on the host: what a plan may be made from. */
  readonly known?: Int32Array | undefined;
}

/** One tensor argument of an operation, as the device sees it. */
export interface Operand extends ShapedInput {
  readonly buffer: DeviceBuffer;
}

/** Shape and dtype of one result of an operation. */
export interface OutputSpec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Which numbers an argument holds; `any` for operations that move numbers and do not read them. */
export type InputDType = DType | 'any';

/**
 * One operation: what it takes, what it returns and what it means. Its float64 reference is the specification. A
 * device either knows the operation by its name, or runs what the operation brings along: a plan for gpu.js, or
 * its composition from other operations.
 */
// biome-ignore lint/suspicious/noExplicitAny: an operation of any inputs and parameters; `run` keeps the exact types
export interface Op<Inputs extends OpInputs = any, Params extends object = any> {
  readonly name: string;
  /** The dtype of each argument that is not f32; `run` refuses another one by the argument's name. */
  readonly dtypes?: { readonly [K in keyof Inputs]?: InputDType };
  /**
   * Shapes of the results from the shapes of the arguments.
   * @throws {ShapeError} if the arguments disagree.
   * @throws {ValueError} if a parameter is out of range.
   */
  readonly outputs: (
    inputs: { readonly [K in keyof Inputs]: ShapedInput },
    params: Params,
  ) => readonly OutputSpec[];
  /**
   * Plain loops in float64, one array per result, in the order of `outputs`. Readable before fast. Of an operation
   * that `stores`: the loops that change that argument's array.
   */
  readonly reference: (
    inputs: { readonly [K in keyof Inputs]: HostArray },
    params: Params,
  ) => readonly Float64Array[];
  /** How gpu.js computes it. The operations of this package have theirs in `device/gpujs/`. */
  readonly gpujs?: (
    inputs: { readonly [K in keyof Inputs]: ShapedInput },
    params: Params,
    outputs: readonly OutputSpec[],
    target: PlanTarget,
  ) => KernelPlan;
  /**
   * The same from other operations, in the order of `outputs`: what runs on a device that has no kernel of its own.
   * Every operation it is made of is one that each device has.
   */
  readonly lower?: (inputs: Inputs, params: Params) => readonly TensorHandle[];
  /**
   * How gradients pass back through it. An operation without one is differentiated through its composition; one
   * without either is refused where a parameter reaches it.
   */
  readonly gradient?: Gradient<TensorHandle, Inputs, Params>;
  /** Computes nothing: its one result is this argument's memory under another shape. */
  readonly shares?: keyof Inputs & string;
  /** Changes this argument in place and returns nothing. */
  readonly stores?: keyof Inputs & string;
  /** Of an operation that stores: how a device's own `write` does it. */
  readonly inMemory?: (
    device: Device,
    inputs: { readonly [K in keyof Inputs]: Operand },
    params: Params,
  ) => void;
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
  /**
   * What the device holds beside these bytes, once it has been asked for: working memory of kernels, weights in the
   * order in which kernels read them, alignment. Absent where the device cannot tell.
   */
  readonly extraBytes?: number;
}

/**
 * A buffer that whoever reads a file fills piece by piece, in the order of the bytes: the device says where they go, so
 * that they are written once and nothing is there twice.
 */
export interface Intake {
  /** How many pieces may be out at once, filled in any order. */
  readonly ahead: number;
  /**
   * Memory for the next bytes, which is whoever asked for it until `took`; undefined once all have been given out.
   * @throws {DeviceError} if `ahead` pieces are out, it has ended, or the device is disposed.
   */
  next(): Uint8Array | undefined;
  /**
   * Says that the oldest piece that is out has been filled.
   * @throws {ValueError} if a number in it is NaN or infinite.
   * @throws {DeviceError} if none is out, it has ended, the device is disposed or a kernel fails.
   */
  took(): void;
  /**
   * The buffer, once every piece has been taken.
   * @throws {DeviceError} if one has not, it has ended, or the device is disposed.
   */
  finish(): DeviceBuffer;
  /** Gives the memory back; nobody may write to a piece any more. After `finish`, and again, it does nothing. Never throws. */
  cancel(): void;
}

/**
 * A step that is done again and again, of which only numbers change that stand in memory. The first two times it runs as it
 * comes, and the device compares what the two asked of it; from then on it does the same again by itself, with the same
 * memory, until something that it reads is no longer there or has become too large for it.
 *
 * What must hold of the step: its host part (shapes, the operations that follow each other, numbers in parameters) is the
 * same each time. What a device can see of that it checks: other operations, other parameters, other numbers from the
 * host, writes from the host, memory that outlives the step.
 */
export interface Recording {
  readonly device: Device;
  /** Why it will not do the step by itself, where it has given up: each run then runs the work. */
  readonly refused: string | undefined;
  /** How often it has done the step by itself. */
  readonly replays: number;
  /**
   * @param work the step: it makes one buffer, and frees all else that it makes. It is called only where it is needed.
   * @returns that buffer, a new one each time, which is the caller's
   * @throws {DeviceError} if the device is disposed, a kernel fails or there is no room; and what the work throws.
   */
  run(work: () => DeviceBuffer): DeviceBuffer;
  /** Gives back what it holds, and begins anew with the next run: the step has another form from now on. Never throws. */
  forget(): void;
  /** Gives back what it holds. A run after that is that of the work. Never throws. */
  dispose(): void;
}

/** How exactly a device computes: what the tolerances of tests follow from (`toleranceOf`). */
export interface Precision {
  /** Arithmetic of the results: `f64` only for the oracle. */
  readonly dtype: 'f16' | 'f32' | 'f64';
  /** Largest relative error of one addition or product: half the distance from 1 to the next number. */
  readonly epsilon: number;
}

/**
 * Where operations run. Everything but `read` returns at once; the device keeps the order of calls, so that an
 * operation sees every `write` before it and none after it.
 */
export interface Device {
  /** As asked for: `reference`, `gpujs:webasm`, `wasm`. */
  readonly name: string;
  /** How exactly it computes. */
  readonly precision: Precision;
  /**
   * The engine that executed the last operation, as the engine itself reports it (`webasm`, `webgpu`, …);
   * `undefined` before the first. A device never falls back to another engine: it throws `DeviceError`.
   */
  readonly ran: string | undefined;
  /** What stands behind the device: adapter, threads, versions, `emulated: "true"` for a GPU that is software. */
  readonly details: Readonly<Record<string, string>>;

  /** A buffer of zeros. @throws {DeviceError} if there is no room for it. */
  allocate(length: number, dtype: DType): DeviceBuffer;
  /**
   * f32 numbers that are kept in fewer bits. Without a source they are zeros, and `write` and `storeRows` round whole
   * rows (the last axis) into them: caches. With one they are a weight `[O, I]`, for `linear`, `expertLinear` and `gather`: bytes
   * as in GGUF and safetensors files, or the numbers of a buffer of this device, rounded as ggml rounds.
   *
   * Absent where a device keeps 32 bits only. `zerosIn`, `packWeights` and `uploadWeights` call it, and say so.
   * @throws {ShapeError} if the shape and the source do not fit each other or the format.
   * @throws {ValueError} if the format is unknown, or cannot hold a number of the source.
   * @throws {DeviceError} if there is no room for it.
   */
  store?(shape: readonly number[], format: RowFormat, source?: Uint8Array | DeviceBuffer): DeviceBuffer;
  /**
   * A buffer that is filled piece by piece: f32 numbers, or a weight `[O, I]` in a format, with the bytes that `store` takes.
   * For large files; absent where a device is given whole tensors only.
   * @throws {ShapeError} if the shape does not fit the format.
   * @throws {ValueError} if the format is unknown.
   * @throws {DeviceError} if there is no room for it.
   */
  intake?(shape: readonly number[], format?: RowFormat): Intake;
  /**
   * A buffer with these values. The array may be changed by the caller afterwards.
   * @throws {DeviceError} if there is no room for it.
   */
  upload(data: Float32Array | Int32Array): DeviceBuffer;
  /**
   * Copies a buffer (or part of it) to the host.
   * @throws {DeviceError} if it is not live on this device, or what it depends on failed.
   */
  read(buffer: DeviceBuffer, start?: number, end?: number): Promise<Float32Array | Int32Array>;
  /**
   * Overwrites `length` elements of `target` from `offset` on, and touches nothing else: a cache appends one row
   * without copying the rest. The source is host data or another buffer of this device, never `target` itself.
   * @throws {DeviceError} if a range does not fit, a buffer is not live on this device, or the source is the target.
   * @throws {ValueError} if the target is kept in fewer bits that cannot hold a number of the source.
   */
  write(
    target: DeviceBuffer,
    offset: number,
    source: Float32Array | Int32Array | DeviceBuffer,
    sourceOffset?: number,
    length?: number,
  ): void;
  /**
   * Runs one operation, against which {@link supports} has no reason (`run` of this package asks), into new buffers. When
   * it fails, everything it had made is freed and nothing has changed.
   * @throws {DeviceError} if an input is not live on this device, there is no room, or a kernel fails.
   */
  run(call: OpCall): readonly DeviceBuffer[];
  /**
   * Why the device has no kernel for an operation with these shapes and parameters; empty when it has. An operation
   * that brings a composition (`lower`) runs all the same. Never throws.
   */
  supports(op: Op, inputs: Readonly<Record<string, ShapedInput>>, params: object): readonly string[];
  /**
   * A recording, with nothing in it yet. Absent where a device cannot do a step by itself.
   * @throws {DeviceError} if the device is disposed.
   */
  record?(): Recording;
  /**
   * Gives a buffer back. Its tensor does this; a buffer is freed once.
   * @throws {DeviceError} if it is not live on this device.
   */
  free(buffer: DeviceBuffer): void;
  readonly memory: MemoryCounters;
  /** Sets `peakBytes` to what is live now. Never throws. */
  resetPeak(): void;
  /**
   * Waits until everything asked for so far has been computed; for clocks.
   * @throws {DeviceError} if the device is disposed or lost.
   */
  settled(): Promise<void>;
  /** Frees everything. Every later call throws `DeviceError`. Again it does nothing. Never throws. */
  dispose(): void;
}

/** A kind of device as a value: what `createDevice` and the kits are given. */
export interface DeviceFactory {
  readonly name: string;
  /** @throws {DeviceError} if it does not work here, with the reason and the cure. */
  create(): Promise<Device>;
  /** How fast it is among others: `auto` tries the largest first, and does not try one without it. */
  readonly preference?: number;
  /** What it needs that not every machine has. `auto` passes over it without a word where that is missing. */
  readonly needs?: 'gpu';
}
