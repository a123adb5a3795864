import { sizeOf } from '../axes.ts';
import type { Device, DeviceBuffer } from '../contracts/device.ts';
import { bytesOfRow, type RowFormat, rowFormats } from '../contracts/format.ts';
import { DeviceError, ShapeError, ValueError } from '../errors.ts';
import { checkGiven } from '../given.ts';
import { checkShape, Tensor } from '../tensor.ts';

/** Numbers along a row that share a scale in the formats of blocks. */
const BLOCK = 32;

/**
 * Zeros whose rows (the last axis) a device keeps in fewer bits, for caches. `write` and `storeRows` round whole rows as
 * ggml rounds and touch no other; whoever reads them, `data()` and every operation, sees the rounded numbers. A finite
 * number that the format cannot hold is refused (`checkRange`) before any of the write is stored; one that is not finite
 * stays so in 16 bits, and makes its block NaN.
 *
 * @throws {DeviceError} if the device keeps 32 bits only.
 * @throws {ShapeError} if there is no last axis, or an axis is not a whole number.
 * @throws {ValueError} if the format is not a `RowFormat`.
 * @example
 * const k = zerosIn<'B Lk Hkv D'>(device, [1, 4096, 8, 64], 'Q8_0');
 */
export function zerosIn<Axes extends string>(
  device: Device,
  shape: readonly number[],
  format: RowFormat,
): Tensor<Axes> {
  return stored(device, 'zerosIn', shape, format);
}

/**
 * A weight in fewer bits, made from an f32 tensor, rounded as ggml rounds. `linear` and `gather` take it in place of
 * the original, and compute as if its numbers were written out in f32; `data()` reads these. The original stays
 * the caller's, who may dispose it.
 *
 * @param weight `[O, I]`
 * @throws {DeviceError} if the device of the weight keeps 32 bits only.
 * @throws {ShapeError} if it is no matrix, or its rows cannot be cut into blocks of 32.
 * @throws {ValueError} if the format is not a `RowFormat`, or a number is an id, NaN, infinite, or too large for it.
 */
export function packWeights(weight: Tensor, format: RowFormat): Tensor<'O I'> {
  checkGiven('packWeights', { weight, format });
  return stored(weight.device, 'packWeights', weight.shape, format, weight.use('packWeights', 'weight'));
}

/**
 * A weight straight from a GGUF or safetensors file, without the detour through f32.
 *
 * @param bytes the rows one after the other: `[O, I]` 16-bit numbers, or `[O, I / 32]` blocks as in GGUF
 * @throws {DeviceError} if the device keeps 32 bits only.
 * @throws {ShapeError} if it is no matrix, its rows cannot be cut into blocks of 32, or the bytes do not fill it.
 * @throws {ValueError} if the format is not a `RowFormat`.
 */
export function uploadWeights(
  device: Device,
  bytes: Uint8Array,
  format: RowFormat,
  shape: readonly [O: number, I: number],
): Tensor<'O I'> {
  checkGiven('uploadWeights', { device, bytes, format, shape });
  return stored(device, 'uploadWeights', shape, format, bytes);
}

function stored<Axes extends string>(
  device: Device,
  op: string,
  shape: readonly number[],
  format: RowFormat,
  source?: Uint8Array | DeviceBuffer,
): Tensor<Axes> {
  checkStore(op, shape, format, source);
  if (device.store) return new Tensor<Axes>(device, device.store(shape, format, source), shape);
  throw new DeviceError(
    device.name,
    `cannot keep numbers as ${format}`,
    ['its buffers hold 32 bits a number'],
    'Use the device wasm, or leave the format out.',
  );
}

/**
 * Checks what `Device.store` is given, before anything is touched.
 *
 * @throws {ShapeError} if there is no last axis, a weight is no matrix or not in whole blocks, or the source does not
 * fill the shape.
 * @throws {ValueError} if the format is not a `RowFormat`, or the numbers are no f32.
 */
export function checkStore(
  op: string,
  shape: readonly number[],
  format: RowFormat,
  source?: Uint8Array | DeviceBuffer,
): void {
  checkFormat(op, shape, format);
  if (!source) return;
  if ('dtype' in source && source.dtype !== 'f32')
    throw new ValueError(op, 'weight', 'must be of dtype f32', source.dtype);
  checkMatrix(op, shape, format);
  const inBytes = source instanceof Uint8Array;
  const wanted = inBytes ? shape[0]! * bytesOfRow(shape[1]!, format) : sizeOf(shape);
  if (source.length === wanted) return;
  throw new ShapeError(
    op,
    `${source.length} ${inBytes ? 'bytes' : 'numbers'} do not fill [${shape.join(', ')}]${inBytes ? ` in ${format}` : ''}, which takes ${wanted}`,
    [],
  );
}

/**
 * Checks what `Device.intake` is given, before there is memory for it.
 *
 * @throws {ShapeError} if an axis is not a whole number, or a weight in a format is no matrix or not in whole blocks.
 * @throws {ValueError} if the format is not a `RowFormat`.
 */
export function checkIntake(shape: readonly number[], format?: RowFormat): void {
  if (format === undefined) checkShape('intake', shape);
  else {
    checkFormat('intake', shape, format);
    checkMatrix('intake', shape, format);
  }
}

function checkFormat(op: string, shape: readonly number[], format: RowFormat): void {
  if (!rowFormats.includes(format))
    throw new ValueError(op, 'format', `must be one of ${rowFormats.join(', ')}`, format);
  if (shape.length === 0 || !shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new ShapeError(
      op,
      `there must be a last axis and every axis a whole number ≥ 0, got [${shape.join(', ')}]`,
      [],
    );
  }
}

function checkMatrix(op: string, shape: readonly number[], format: RowFormat): void {
  const blocks = format !== 'f16' && format !== 'bf16';
  if (shape.length === 2 && !(blocks && shape[1]! % BLOCK !== 0)) return;
  throw new ShapeError(
    op,
    blocks ? `weight must be [O, I] with I a multiple of ${BLOCK}` : 'weight must be [O, I]',
    [{ name: 'weight', axes: ['O', 'I'], shape }],
  );
}
