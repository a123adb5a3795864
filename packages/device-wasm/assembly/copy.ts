import { panelBytes, weightAt } from './format';
import { at, int, ptr } from './job';

/**
 * Copies rows of 32-bit elements from one pitch to another: slice, concat, and plain copies.
 *
 * ```text
 * arguments  0 source, 1 target, 2 rows, 3 width, 4 source elements from row to row, 5 target's, 6 rows a task
 * ```
 */
export function rowsTask(task: i32): void {
  const start = task * int(6), end = min(int(2), start + int(6));
  const bytes = <usize>int(3) << 2;
  for (let row = start; row < end; row++) memory.copy(at(ptr(1), row * int(5)), at(ptr(0), row * int(4)), bytes);
}

/**
 * Rows of a table by id; an id outside gives zeros.
 *
 * ```text
 * arguments  0 table, 1 ids, 2 y, 3 number of ids, 4 V, 5 E, 6 the table is in panels, 7 its format, 8 ids a task
 * ```
 */
export function gatherTask(task: i32): void {
  const V = int(4), E = int(5), format = int(7);
  const start = task * int(8), end = min(int(3), start + int(8));
  for (let n = start; n < end; n++) {
    const id = load<i32>(at(ptr(1), n)), y = at(ptr(2), n * E);
    if (id < 0 || id >= V) memory.fill(y, 0, <usize>E << 2);
    else if (!int(6)) memory.copy(y, at(ptr(0), id * E), <usize>E << 2);
    else {
      const panel = ptr(0) + <usize>(id >> 3) * panelBytes(format, E);
      for (let e = 0; e < E; e++) store<f32>(at(y, e), weightAt(panel, format, e, id & 7));
    }
  }
}

/**
 * Rows to the slots that stand in memory, the later one of two with one slot last; a slot outside leaves a row out. One
 * sequence a task.
 *
 * ```text
 * arguments  0 rows [B, L], 1 target [B, S], 2 slots, 3 L, 4 S, 5 numbers of a row, 6 slots from sequence to sequence
 * ```
 */
export function placeRowsTask(b: i32): void {
  const L = int(3), S = int(4), width = int(5), bytes = <usize>width << 2;
  for (let l = 0; l < L; l++) {
    const slot = load<i32>(at(ptr(2), b * int(6) + l));
    if (slot >= 0 && slot < S) memory.copy(at(ptr(1), (b * S + slot) * width), at(ptr(0), (b * L + l) * width), bytes);
  }
}
