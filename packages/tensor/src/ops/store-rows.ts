import { run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { storeRowsOp } from './memory.ts';

/**
 * Writes rows into the slots of a cache, in place.
 *
 * @param target `[B, S, ...row]`
 * @param rows `[B, L, ...row]`
 * @param slots `[B | 1, L]` i32; −1 leaves a row out
 * @throws {ShapeError} if the shapes disagree.
 * @throws {ValueError} if the slots are not i32.
 * @throws {DeviceError} if a tensor is disposed or on another device.
 */
export function storeRows(target: Tensor, rows: Tensor, slots: Tensor<string, 'i32'>): void {
  run(storeRowsOp, { target, rows, slots }, {});
}
