import { panelBytes, quantizeBlock, toBrain, toHalf, weightAt } from './format';
import { at, int, ptr } from './job';
import { Format } from './kernel-list';

/**
 * Weights as panels of 8 outputs: what the matrix product reads, front to back. One task packs one panel.
 *
 * ```text
 * arguments  0 source, 1 panels, 2 O, 3 I, 4 source is [I, O], 5 format
 * source     [G, O, I] or [G, I, O]
 * panels     [G, ⌈O/8⌉] panels of I steps; rows beyond O are zeros
 * ```
 */
export function panelPackTask(task: i32): void {
  const O = int(2), I = int(3), transposed = int(4) !== 0, format = int(5);
  const perMatrix = (O + 7) >> 3;
  const g = task / perMatrix, first = (task - g * perMatrix) << 3;
  const rows = min(8, O - first);
  const panel = ptr(1) + <usize>task * panelBytes(format, I);
  const matrix = ptr(0) + <usize>g * <usize>O * (<usize>I << 2);
  if (transposed && format === Format.f32 && (first & ~31) + 32 <= O) {
    // four panels lie side by side in two lines of the cache: the first of them takes the others along
    if ((first & 31) === 0) packFour(at(matrix, first), <usize>O << 2, panel, I);
    return;
  }
  const source = transposed ? at(matrix, first) : matrix + <usize>first * (<usize>I << 2);
  const rowStride: usize = transposed ? 4 : <usize>I << 2;
  const stepStride: usize = transposed ? <usize>O << 2 : 4;

  if (format >= Format.Q8_0) {
    memory.fill(panel, 0, panelBytes(format, I));
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < I; k += 32)
        quantizeBlock(source + <usize>row * rowStride + <usize>k * stepStride, stepStride, panel + panelBytes(format, k), format, row);
    return;
  }
  if (format !== Format.f32) return packHalves(source, rowStride, stepStride, panel, rows, I, format);
  if (transposed || rows < 8) return packPlain(source, rowStride, stepStride, panel, rows, I);
  packTransposing(source, rowStride, panel, I);
}

function packFour(from: usize, stride: usize, target: usize, I: i32): void {
  const size = <usize>I << 5, second = size << 1, third = size * 3;
  for (let k = 0; k < I; k++) {
    v128.store(target, v128.load(from));
    v128.store(target, v128.load(from, 16), 16);
    v128.store(target + size, v128.load(from, 32));
    v128.store(target + size, v128.load(from, 48), 16);
    v128.store(target + second, v128.load(from, 64));
    v128.store(target + second, v128.load(from, 80), 16);
    v128.store(target + third, v128.load(from, 96));
    v128.store(target + third, v128.load(from, 112), 16);
    from += stride;
    target += 32;
  }
}

function packPlain(source: usize, rowStride: usize, stepStride: usize, panel: usize, rows: i32, I: i32): void {
  for (let k = 0; k < I; k++) {
    if (rows === 8 && rowStride === 4) {
      v128.store(panel, v128.load(source));
      v128.store(panel, v128.load(source, 16), 16);
    } else
      for (let row = 0; row < 8; row++)
        store<f32>(at(panel, row), row < rows ? load<f32>(source + <usize>row * rowStride) : 0);
    source += stepStride;
    panel += 32;
  }
}

function packHalves(source: usize, rowStride: usize, stepStride: usize, panel: usize, rows: i32, I: i32, format: i32): void {
  for (let k = 0; k < I; k++)
    for (let row = 0; row < 8; row++) {
      const x: f32 = row < rows ? load<f32>(source + <usize>row * rowStride + <usize>k * stepStride) : 0;
      store<u16>(panel, <u16>(format === Format.f16 ? toHalf(x) : toBrain(x)));
      panel += 2;
    }
}

/** Eight whole rows, four steps at a time. */
function packTransposing(source: usize, rowStride: usize, panel: usize, I: i32): void {
  const whole = I & ~3;
  for (let half: usize = 0; half < 2; half++) {
    let p0 = source + half * 4 * rowStride;
    let target = panel + half * 16;
    for (let k = 0; k < whole; k += 4) {
      transpose(v128.load(p0), v128.load(p0 + rowStride), v128.load(p0 + 2 * rowStride), v128.load(p0 + 3 * rowStride), target);
      p0 += 16;
      target += 128;
    }
  }
  if (whole < I) packPlain(at(source, whole), rowStride, 4, panel + (<usize>whole << 5), 8, I - whole);
}

/** Stores the columns of four rows, 32 bytes apart. */
// @ts-ignore: decorator
@inline export function transpose(a: v128, b: v128, c: v128, d: v128, target: usize): void {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
  v128.store(target, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7), 32);
  v128.store(target, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5), 64);
  v128.store(target, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7), 96);
}

/** The way back, one panel a task; arguments as for packing with 0 the panels and 1 the rows. */
export function panelUnpackTask(task: i32): void {
  const O = int(2), I = int(3), transposed = int(4) !== 0, format = int(5);
  const perMatrix = (O + 7) >> 3;
  const g = task / perMatrix, first = (task - g * perMatrix) << 3;
  const panel = ptr(0) + <usize>task * panelBytes(format, I);
  const matrix = ptr(1) + <usize>g * <usize>O * (<usize>I << 2);
  for (let row = 0; row < min(8, O - first); row++)
    for (let k = 0; k < I; k++)
      store<f32>(at(matrix, transposed ? k * O + first + row : (first + row) * I + k), weightAt(panel, format, k, row));
}
