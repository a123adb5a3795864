import { blocks, PREPARED, rowsAtOnce } from './integer-blocks';
import { panelBytes } from './format';
import { at, int, ptr } from './job';
import { Format, Tile } from './kernel-list';
import { largestBits, splat, wholeSum } from './vector';

/**
 * Products with weights in blocks where x is rounded to 8 bits, as llama.cpp computes: `activations: 'int8'`. Each block
 * of 32 numbers of a row becomes whole numbers from −127 to 127 times a scale,
 *
 * ```text
 * d = max |x| / 127        q = round(x · (127 / max |x|)), halves to even        each operation in f32
 * y = Σ over blocks (d of the weight · d) · Σ q of the weight · q
 * ```
 *
 * the inner sum exact, in whole numbers, whichever instructions there are. A block whose largest number is below 2^-120 counts as zeros;
 * one with a number that is not finite has a scale of NaN, so that the row is NaN.
 *
 * Arguments as for the matrix product, but for 13: panels a task of each of the `STREAMS` parts that the panels are cut
 * into. The last task takes what is left beyond them, one after the other.
 *
 * ```text
 * scratch   [8] rows of one panel that is not whole, 8 f32 each  | the rows of x:
 * block     64 bytes: numbers in the order in which the words of a panel have them, in pairs of 16 bits, or with relaxed
 *           SIMD in bytes; for weights of 8 bits max(q, 0) and then max(−q, 0), for its second operand has 7 bits
 * 64        −8 (−128) · Σ q where weights of so much offset are multiplied, d, d · Σ q
 * ```
 */
const STREAMS: i32 = 8;
/** 2^-120, as bits */
const LEAST: i32 = 0x03800000;
/** 1.5 · 2^23: adding it rounds to a whole number and leaves it in the low bits. */
const MAGIC: f32 = 12582912;

/** The row that this thread's scratch memory begins with: the tasks of a job share it. Every thread has an instance of its own. */
let prepared: usize = 0;

/** Before a job: scratch memory was someone else's. */
export function forgetRows(): void {
  prepared = 0;
}

export function integerTask(task: i32, scratch: usize): void {
  const rowTasks = int(14), panelTasks = int(15), panelTask = task % panelTasks, rest = task / panelTasks;
  const firstRow = (rest % rowTasks) * int(12), g = rest / rowTasks, rows = min(int(12), int(9) - firstRow);
  const O = int(10), K = int(11), format = int(16), size = panelBytes(format, K), ldy = <usize>int(7) << 2;
  const x = at(ptr(0), g * int(2) + firstRow * int(1)), y = at(ptr(6), g * int(8) + firstRow * int(7));
  const w = ptr(3) + <usize>g * ptr(4), bias = ptr(5), part = (O >> 3) / STREAMS, first = panelTask * int(13);
  const numbers = scratch + Tile.rows * 32;
  if (prepared !== x) {
    for (let row = 0; row < rows; row++) roundRow(x + <usize>row * (<usize>int(1) << 2), K, format, numbers + <usize>row * rowBytes(K));
    prepared = x;
  }
  for (let panel = first; panel < min(part, first + int(13)); panel++) {
    for (let n = 0; n < STREAMS; n++) begin(bias, (panel + n * part) << 3, y, rows, ldy, 8);
    times(numbers, rows, w + <usize>panel * size, <usize>part * size, STREAMS, at(y, panel << 3), <usize>part << 5, ldy, K, format);
  }
  if (panelTask < panelTasks - 1) return;
  const done = part * STREAMS, whole = O >> 3, left = O & 7;
  for (let panel = done; panel < whole; panel++) begin(bias, panel << 3, y, rows, ldy, 8);
  if (done < whole) times(numbers, rows, w + <usize>done * size, size, whole - done, at(y, done << 3), 32, ldy, K, format);
  if (left) {
    begin(bias ? at(bias, whole << 3) : 0, 0, scratch, rows, 32, left);
    times(numbers, rows, w + <usize>whole * size, 0, 1, scratch, 0, 32, K, format);
    for (let row = 0; row < rows; row++) memory.copy(at(y, whole << 3) + <usize>row * ldy, scratch + (<usize>row << 5), <usize>left << 2);
  }
}

// @ts-ignore: decorator
@inline function rowBytes(K: i32): usize {
  return <usize>(K >> 5) * PREPARED;
}

function times(x: usize, rows: i32, w: usize, jump: usize, streams: i32, y: usize, step: usize, ldy: usize, K: i32, format: i32): void {
  const most = rowsAtOnce(format), ldx = rowBytes(K);
  for (let row = 0; row < rows; ) {
    const many = row + most <= rows;
    blocks(many, format, x + <usize>row * ldx, ldx, w, jump, streams, y + <usize>row * ldy, step, ldy, K);
    row += many ? most : 1;
  }
}

/** The bias, or zeros, where products are added. */
function begin(bias: usize, column: i32, y: usize, rows: i32, ldy: usize, count: i32): void {
  for (let row = 0; row < rows; row++) {
    const to = at(y, column) + <usize>row * ldy;
    if (count === 8) {
      v128.store(to, bias ? v128.load(at(bias, column)) : splat(0));
      v128.store(to, bias ? v128.load(at(bias, column), 16) : splat(0), 16);
    } else for (let n = 0; n < count; n++) store<f32>(at(to, n), bias ? load<f32>(at(bias, column + n)) : 0);
  }
}

/** A row in whole numbers, as the products of a format read it. */
function roundRow(x: usize, K: i32, format: i32, target: usize): void {
  const magic = splat(MAGIC), whole = i32x4.splat(reinterpret<i32>(MAGIC));
  const offset = format === Format.Q4_1 ? 0 : format === Format.Q4_0 ? -8 : ASC_FEATURE_RELAXED_SIMD ? 0 : -128;
  for (const end = at(x, K); x < end; x += 128) {
    const bits = largestBits(x), most = reinterpret<f32>(bits);
    const finite = bits < 0x7f800000, inverse = splat(finite && bits >= LEAST ? 127 / most : 0);
    let sum = i32x4.splat(0);
    for (let n: usize = 0; n < 128; n += 64) {
      const a = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x + n), inverse), magic), whole), b = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x + n, 16), inverse), magic), whole);
      const c = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x + n, 32), inverse), magic), whole), d = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x + n, 48), inverse), magic), whole);
      sum = i32x4.add(sum, i32x4.add(i32x4.add(a, b), i32x4.add(c, d)));
      const ab = i16x8.narrow_i32x4_s(a, b), cd = i16x8.narrow_i32x4_s(c, d);
      if (ASC_FEATURE_RELAXED_SIMD) storeBytes(i8x16.narrow_i16x8_s(ab, cd), format, target + (n >> 2));
      else {
        v128.store(target + (n >> 1), ab);
        v128.store(target + (n >> 1), cd, 16);
      }
    }
    // what is not finite leaves anything in the sums, times NaN
    const scale: f32 = finite ? (bits < LEAST ? 0 : most / 127) : NaN, total = wholeSum(sum);
    store<i32>(target, offset * total, 64);
    store<f32>(target, scale, 68);
    store<f32>(target, scale * <f32>total, 72);
    target += PREPARED;
  }
}

/** 16 numbers in the order of the words: 0, 2, 1, 3 of each four of 8 bits; 0, 4, 1, 5, 2, 6, 3, 7 of each eight of 4. */
// @ts-ignore: decorator
@inline function storeBytes(q: v128, format: i32, target: usize): void {
  if (format !== Format.Q8_0) return v128.store(target, v128.shuffle<i8>(q, q, 0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
  const ordered = v128.shuffle<i8>(q, q, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15), zero = i32x4.splat(0);
  v128.store(target, i8x16.max_s(ordered, zero));
  v128.store(target, i8x16.max_s(i8x16.neg(ordered), zero), 32);
}
