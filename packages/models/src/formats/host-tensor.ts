import { FormatError } from '../errors.ts';
import { type BlockType, blocksInto, blockTypes, isBlockType, widenBlocks } from './gguf-blocks.ts';
import { brainsInto, halvesInto, widenBrains, widenHalves } from './half.ts';

/**
 * A tensor on the host, as a file holds it. `data` are values, one an element: F16 and BF16 are widened to
 * float32, BOOL is 0 or 1, and 64-bit integers stay BigInt so that nothing is rounded (`numbersOf` for numbers).
 */
export type HostTensor =
  | Host<'F32' | 'F16' | 'BF16', Float32Array>
  | Host<'F64', Float64Array>
  | Host<'I8', Int8Array>
  | Host<'U8' | 'BOOL', Uint8Array>
  | Host<'I16', Int16Array>
  | Host<'U16', Uint16Array>
  | Host<'I32', Int32Array>
  | Host<'U32', Uint32Array>
  | Host<'I64', BigInt64Array>
  | Host<'U64', BigUint64Array>;

interface Host<DType extends string, Data> {
  readonly dtype: DType;
  /** Row-major. `[]` is a scalar. */
  readonly shape: readonly number[];
  readonly data: Data;
}

/** Element types a file may have here. */
export type HostDType = HostTensor['dtype'];

/** Types whose tensors are handed out as the file has them. */
export type StoredType = 'F16' | 'BF16' | BlockType;

/** A tensor in the bits of its file, so that a device may keep it so; `numbersOf` widens it. */
export interface StoredTensor {
  readonly dtype: StoredType;
  /** Row-major; blocks lie along the last axis. */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  /** The bytes are those of the matrix on its side, whose shape is the other way round. Default false. */
  readonly turned?: boolean | undefined;
}

/** Bytes of an element. */
export const widths: Readonly<Record<HostDType, number>> = {
  BOOL: 1,
  I8: 1,
  U8: 1,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F32: 4,
  I32: 4,
  U32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
};

/**
 * The values as plain numbers.
 *
 * @throws {FormatError} if a 64-bit integer is beyond ±(2^53 − 1), where numbers stop being exact.
 */
export function numbersOf(
  tensor: HostTensor | StoredTensor,
): Exclude<HostTensor['data'], BigInt64Array | BigUint64Array> {
  if ('bytes' in tensor) {
    const [rows = 1, columns = 1] = tensor.shape;
    return tensor.turned ? onItsSide(widened(tensor), columns, rows) : widened(tensor);
  }
  const { dtype, data } = tensor;
  if (!(data instanceof BigInt64Array || data instanceof BigUint64Array)) return data;
  return Float64Array.from(data as Iterable<bigint> & ArrayLike<bigint>, (value) => {
    const number = Number(value);
    if (!Number.isSafeInteger(number))
      throw new FormatError('safetensors', `${dtype} value ${value} is not exact as a number`);
    return number;
  });
}

/**
 * The bytes of a tensor as values: a view of them where their place in memory allows it.
 * @throws {FormatError} if a BOOL is neither 0 nor 1.
 */
export function hostTensor(
  name: string,
  dtype: HostDType,
  shape: readonly number[],
  bytes: Uint8Array,
): HostTensor {
  const count = bytes.byteLength / widths[dtype];
  const place = (width: number): [ArrayBufferLike, number, number] =>
    bytes.byteOffset % width === 0
      ? [bytes.buffer, bytes.byteOffset, count]
      : [bytes.slice().buffer, 0, count];
  switch (dtype) {
    case 'F32':
      return { dtype, shape, data: new Float32Array(...place(4)) };
    case 'F64':
      return { dtype, shape, data: new Float64Array(...place(8)) };
    case 'F16':
      return { dtype, shape, data: widenHalves(new Uint16Array(...place(2))) };
    case 'BF16':
      return { dtype, shape, data: widenBrains(new Uint16Array(...place(2))) };
    case 'I8':
      return { dtype, shape, data: new Int8Array(...place(1)) };
    case 'U8':
      return { dtype, shape, data: bytes };
    case 'BOOL':
      return { dtype, shape, data: checkBools(name, bytes) };
    case 'I16':
      return { dtype, shape, data: new Int16Array(...place(2)) };
    case 'U16':
      return { dtype, shape, data: new Uint16Array(...place(2)) };
    case 'I32':
      return { dtype, shape, data: new Int32Array(...place(4)) };
    case 'U32':
      return { dtype, shape, data: new Uint32Array(...place(4)) };
    case 'I64':
      return { dtype, shape, data: new BigInt64Array(...place(8)) };
    case 'U64':
      return { dtype, shape, data: new BigUint64Array(...place(8)) };
  }
}

function checkBools(name: string, bytes: Uint8Array): Uint8Array {
  const other = bytes.findIndex((byte) => byte > 1);
  if (other < 0) return bytes;
  throw new FormatError('safetensors', `"${name}"[${other}] is ${bytes[other]}, a BOOL must be 0 or 1`);
}

function widened({ dtype, bytes }: StoredTensor): Float32Array {
  if (dtype !== 'F16' && dtype !== 'BF16') return widenBlocks(bytes, dtype);
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  const words = new Uint16Array(aligned.buffer, aligned.byteOffset, bytes.byteLength / 2);
  return dtype === 'F16' ? widenHalves(words) : widenBrains(words);
}

/** Writes numbers in 16 bits or blocks as float32, as many as there is room for. Never throws. */
export function widenInto(bytes: Uint8Array, dtype: StoredType, target: Float32Array): void {
  if (isBlockType(dtype)) {
    blocksInto(bytes, dtype, target);
    return;
  }
  const words = new Uint16Array(bytes.buffer, bytes.byteOffset, target.length);
  if (dtype === 'F16') halvesInto(words, target);
  else brainsInto(words, target);
}

/** Bytes that so many numbers take, whole blocks of them. Never throws. */
export function bytesOfNumbers(count: number, dtype: StoredType): number {
  if (!isBlockType(dtype)) return 2 * count;
  const { size, bytes } = blockTypes[dtype];
  return (count / size) * bytes;
}

/** `[O, I]` → `[I, O]` Never throws. */
export function onItsSide(x: Float32Array, O: number, I: number): Float32Array {
  const y = new Float32Array(x.length);
  for (let o = 0; o < O; o++) for (let i = 0; i < I; i++) y[i * O + o] = x[o * I + i]!;
  return y;
}

/** Numbers in a tensor of this shape. Never throws. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((size, axis) => size * axis, 1);
}

/**
 * The bytes of a tensor of any file: 16 bits and blocks stay as they are.
 * @throws {FormatError} if a BOOL is neither 0 nor 1.
 */
export function fileTensor(
  name: string,
  dtype: string,
  shape: readonly number[],
  bytes: Uint8Array,
): HostTensor | StoredTensor {
  if (dtype === 'F16' || dtype === 'BF16' || isBlockType(dtype)) return { dtype, shape, bytes };
  return hostTensor(name, dtype as HostDType, shape, bytes);
}
