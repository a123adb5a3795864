import { areSizes, sizeOf } from './axes.ts';
import type { Device, DeviceBuffer, DType, HostData, TensorHandle } from './contracts/device.ts';
import { DeviceError, ShapeError } from './errors.ts';
import { checkGiven } from './given.ts';
import { run } from './op.ts';
import { reshapeOp, writeOp } from './ops/memory.ts';
import { track } from './scope.ts';

const marker = Symbol.for('@headwise/tensor/Tensor');

/** Axes that nobody has named: such a tensor fits wherever named ones are wanted. */
// biome-ignore lint/suspicious/noExplicitAny: an untagged tensor is to be assignable to every tagged one
export type AnyAxes = any;

/** A buffer and how many tensors look at it. */
interface Storage {
  readonly buffer: DeviceBuffer;
  references: number;
}

/**
 * A handle to numbers on a device: row-major, named axes in the type only (`Tensor<'B L H D'>`).
 *
 * Operations return tensors at once; `await tensor.data()` is the only wait. Free one with `dispose()`, with
 * `using`, or let `scope()` free what it made. A tensor without axes in its type is accepted anywhere.
 */
export class Tensor<Axes extends string = AnyAxes, T extends DType = 'f32'>
  implements TensorHandle, Disposable
{
  readonly [marker] = true;
  declare readonly axes: Axes;
  readonly device: Device;
  readonly shape: readonly number[];
  readonly dtype: T;
  #storage: Storage;
  #disposed = false;

  constructor(device: Device, buffer: DeviceBuffer, shape: readonly number[], storage?: Storage) {
    this.device = device;
    // most results have the shape of an argument, whose copy is frozen already
    this.shape = Object.isFrozen(shape) ? shape : Object.freeze([...shape]);
    this.dtype = buffer.dtype as T;
    this.#storage = storage ?? { buffer, references: 0 };
    this.#storage.references++;
    track(this);
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * The buffer behind this tensor, for `op` to read as its argument `name`.
   * @throws {DeviceError} if the tensor is disposed.
   */
  use(op: string, name = 'the tensor'): DeviceBuffer {
    if (this.#disposed) {
      throw new DeviceError(
        this.device.name,
        `${op}: ${name} [${this.shape.join(', ')}] is disposed`,
        [],
        'Dispose a tensor after its last use, or keep it out of the scope with keep().',
      );
    }
    return this.#storage.buffer;
  }

  /**
   * Copies the values to the host; resolves when everything this tensor depends on has been computed.
   * @throws {DeviceError} if the tensor is disposed, or what it depends on failed.
   */
  async data(): Promise<HostData<T>> {
    return (await this.device.read(this.use('data'), 0, this.size)) as HostData<T>;
  }

  /** A tensor over another buffer of the same device, which it owns: for `run`. Never throws. */
  over(buffer: DeviceBuffer, shape: readonly number[]): Tensor<AnyAxes, DType> {
    return new Tensor<AnyAxes, DType>(this.device, buffer, shape);
  }

  /** Another tensor over the same memory, which is freed with the last of the two: for `run`. Never throws. */
  sharing(shape: readonly number[]): Tensor<AnyAxes, T> {
    return new Tensor<AnyAxes, T>(this.device, this.#storage.buffer, shape, this.#storage);
  }

  /**
   * The same values under another shape; shares the memory, which is freed with the last of the two.
   * @throws {ShapeError} if the number of elements differs.
   * @throws {DeviceError} if the tensor is disposed.
   */
  reshape<To extends string = AnyAxes>(shape: readonly number[]): Tensor<To, T> {
    return run(reshapeOp, { x: this }, { shape })[0] as Tensor<To, T>;
  }

  /**
   * Overwrites elements in place, from element `offset` on; nothing else is touched. For caches.
   * @throws {DeviceError} if the range does not fit, or a tensor is disposed.
   */
  write(offset: number, source: HostData<T> | Tensor<string, T>, sourceOffset = 0, length?: number): void {
    const tensor = Tensor.isInstance(source) ? source : undefined;
    const data = tensor ? undefined : (source as Float32Array | Int32Array);
    const available = tensor ? tensor.size : data!.length;
    const params = { offset, data, sourceOffset, length: length ?? available - sourceOffset };
    run(writeOp, { target: this, source: tensor }, params);
  }

  /** Frees the memory when this is the last tensor over it. Calling it again does nothing. Never throws. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (--this.#storage.references === 0) this.device.free(this.#storage.buffer);
  }

  /** For `using`. Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Like `instanceof`, but holds when two copies of this package (ESM and CommonJS) are loaded. Never throws. */
  static isInstance(value: unknown): value is Tensor {
    return typeof value === 'object' && value !== null && marker in value;
  }
}

/**
 * Puts values on a device.
 *
 * @param data a Float32Array or array of numbers makes an f32 tensor, an Int32Array an i32 tensor.
 * @throws {ShapeError} if the number of values does not fill the shape.
 * @throws {ValueError} for an argument that was forgotten.
 * @example
 * const x = tensor<'L E'>(device, [1, 2, 3, 4], [2, 2]);
 */
export function tensor<Axes extends string = AnyAxes>(
  device: Device,
  data: Int32Array,
  shape: readonly number[],
): Tensor<Axes, 'i32'>;
export function tensor<Axes extends string = AnyAxes>(
  device: Device,
  data: Float32Array | readonly number[],
  shape: readonly number[],
): Tensor<Axes>;
export function tensor(
  device: Device,
  data: Float32Array | Int32Array | readonly number[],
  shape: readonly number[],
): Tensor<string, DType> {
  checkGiven('tensor', { device, data, shape });
  checkShape('tensor', shape);
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError(
      'tensor',
      `${data.length} values do not fill [${shape.join(', ')}], which has ${sizeOf(shape)}`,
      [],
    );
  }
  const host = data instanceof Int32Array || data instanceof Float32Array ? data : Float32Array.from(data);
  return new Tensor(device, device.upload(host), shape);
}

/**
 * A tensor of zeros.
 *
 * @throws {ShapeError} if an axis is not a whole number.
 * @throws {ValueError} for an argument that was forgotten.
 * @throws {DeviceError} if there is no room for it.
 */
export function zeros<Axes extends string = AnyAxes, T extends DType = 'f32'>(
  device: Device,
  shape: readonly number[],
  dtype?: T,
): Tensor<Axes, T> {
  checkGiven('zeros', { device, shape });
  checkShape('zeros', shape);
  return new Tensor<Axes, T>(device, device.allocate(sizeOf(shape), dtype ?? 'f32'), shape);
}

/** @throws {ShapeError} if an axis is not a whole number. */
export function checkShape(op: string, shape: readonly number[]): void {
  if (areSizes(shape)) return;
  throw new ShapeError(op, `every axis must be a whole number ≥ 0, got [${shape.join(', ')}]`, []);
}
