import type { DType } from '../contracts/device.ts';
import { run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { storeRowsOp } from './memory.ts';

/**
 * Writes rows into the slots of a cache, in place.
 *
 * @param target `[B, S, ...row]`
 * @param rows `[B, L, ...row]`
 * @param slots `[B | 1, L]` i32; what is outside `0 … S−1` (−1 for nobody) leaves a row out
 * @throws {ShapeError} if the shapes disagree.
 * @throws {ValueError} if the slots are not i32, the rows not of the dtype of the target, or a finite number is one that
 * the format of the target cannot hold; nothing is written then.
 * @throws {DeviceError} if a tensor is disposed or on another device, or rows and target share their memory.
 */
export function storeRows<T extends DType>(
  target: Tensor<string, T>,
  rows: Tensor<string, T>,
  slots: Tensor<string, 'i32'>,
): void {
  run(storeRowsOp, { target, rows, slots }, {});
}
