import { dequantizePanel, prepareFor, preparedBytes, quantizedRow } from './dequantize';
import { panelBytes } from './format';
import { at, int, ptr } from './job';
import { Format, Tile } from './kernel-list';
import { multiplyTile, multiplyWide, panelsOf, ROWS, tile1, tiles, WIDE, wide1 } from './micro';
import { twoShortPanels } from './vector-panels';

/**
 * y[g, m, o] = Σ_k x[g, m, k] · w[g, o, k] + bias[o], with w in panels.
 *
 * ```text
 * arguments  0 x, 1 floats from row to row, 2 floats from batch to batch
 *            3 panels, 4 bytes from batch to batch, 5 bias, y itself to add to what is there (not of one row), or 0
 *            6 y, 7 floats from row to row, 8 floats from batch to batch
 *            9 M, 10 O, 11 K, 12 rows a task, 13 panels a task (or of each stream, see `vectorTask`), 14 row tasks, 15 panel tasks
 *            16 format, 17 depth, 18 x is turned: argument 1 is the floats from step to step, its rows lie side by side
 * scratch    of one row: 8 numbers | for the block formats, x as `prepareFor` writes it | what more rows take
 *            of more: x packed some rows at a time [48][depth], dequantized panels [WIDE][depth][8], one tile [ROWS][8]
 * ```
 *
 * The depth is cut into blocks whose size depends on K alone, and each number is the sum of its blocks, each summed step
 * by step: the same bits for a row however many rows, panels and threads there are. One row in the block formats is an
 * exception: its blocks are multiplied as integers.
 */
export function matrixTask(task: i32, scratch: usize): void {
  if (int(9) === 1) return vectorTask(task, scratch);
  const rowTasks = int(14), panelTasks = int(15);
  const panelTask = task % panelTasks;
  const rest = task / panelTasks;
  const rowTask = rest % rowTasks, g = rest / rowTasks;
  const O = int(10), K = int(11);
  const firstRow = rowTask * int(12), rows = min(int(12), int(9) - firstRow);
  const firstPanel = panelTask * int(13), panels = min(int(13), ((O + 7) >> 3) - firstPanel);
  const x = at(ptr(0), g * int(2) + (int(18) ? firstRow : firstRow * int(1)));
  const y = at(ptr(6), g * int(8) + firstRow * int(7) + (firstPanel << 3));
  const format = int(16);
  const w = ptr(3) + <usize>g * ptr(4) + <usize>firstPanel * panelBytes(format, K);
  const bias = ptr(5) === 0 ? 0 : ptr(5) === ptr(6) ? y : at(ptr(5), firstPanel << 3);
  const width = min(panels << 3, O - (firstPanel << 3));
  rowsTimesPanels(x, w, bias, y, K, rows, panels, width, format, scratch);
}

/** The row that this thread's scratch memory holds: the tasks of a job share it. Every thread has an instance of its own. */
let prepared: usize = 0, fits = false;

/** Before a job: scratch memory was someone else's, and another row may lie where the last one did. */
export function forgetRow(): void {
  prepared = 0;
}

/**
 * One row. In f32, f16 and bf16, where memory is the limit, a task takes some panels of each half of the matrix, and
 * the last one what is left beyond them; in the block formats, where arithmetic is, neighbouring panels.
 */
function vectorTask(task: i32, scratch: usize): void {
  const tasks = int(15), g = task / tasks, t = task % tasks;
  const O = int(10), K = int(11), format = int(16), size = panelBytes(format, K);
  const x = at(ptr(0), g * int(2)), y = at(ptr(6), g * int(8)), bias = ptr(5);
  const w = ptr(3) + <usize>g * ptr(4), first = t * int(13), panels = (O + 7) >> 3;
  if (format >= Format.Q8_0) {
    if (prepared !== x) {
      fits = prepareFor(format, x, K, scratch + 32);
      prepared = x;
    }
    for (let panel = first; panel < min(panels, first + int(13)); panel++) vectorTimesPanel(x, w, size, bias, y, K, O, panel, format, scratch);
    return;
  }
  const streams = format === Format.f32 ? STREAMS : SHORT_STREAMS, part = (O >> 3) / streams;
  const jump = <usize>part * size, step = <usize>part << 5;
  for (let panel = first; panel < min(part, first + int(13)); panel++) {
    if (bias) for (let n = 0; n < streams; n++) copyRow(at(bias, (panel + n * part) << 3), at(y, (panel + n * part) << 3), 8);
    rowTimesStreams(x, w + <usize>panel * size, jump, at(y, panel << 3), step, K, format, bias !== 0);
  }
  if (t === tasks - 1) for (let panel = part * streams; panel < panels; panel++) vectorTimesPanel(x, w, size, bias, y, K, O, panel, format, scratch);
}

/** Streams of panels that one row is multiplied with at once, as `STREAMS` of ops/matrix.ts. */
const STREAMS: i32 = 4;
const SHORT_STREAMS: i32 = 2;

function rowTimesStreams(x: usize, w: usize, jump: usize, y: usize, step: usize, K: i32, format: i32, bias: bool): void {
  const depth = int(17);
  let k0 = 0;
  do {
    const steps = min(depth, K - k0), add = bias || k0 > 0;
    if (format === Format.f32) wide1(at(x, k0), w + panelBytes(format, k0), jump, step, y, steps, 0, add ? y : 0, 0);
    else twoShortPanels(at(x, k0), w + panelBytes(format, k0), jump, y, step, steps, format, add);
    k0 += steps;
  } while (k0 < K);
}

function vectorTimesPanel(x: usize, w: usize, size: usize, bias: usize, y: usize, K: i32, O: i32, panel: i32, format: i32, scratch: usize): void {
  const left = min(8, O - (panel << 3)), whole = at(y, panel << 3);
  const target = left === 8 ? whole : scratch, weights = w + <usize>panel * size;
  if (format >= Format.Q8_0 && !fits)
    return rowsTimesPanels(x, weights, bias ? at(bias, panel << 3) : 0, whole, K, 1, 1, left, format, scratch + 32 + preparedBytes(K));
  if (bias) copyRow(at(bias, panel << 3), target, left);
  if (format >= Format.Q8_0) quantizedRow(scratch + 32, weights, target, K, format, bias !== 0);
  else rowTimesPanel(x, weights, target, K, format, bias !== 0);
  if (left < 8) copyRow(scratch, whole, left);
}

function rowTimesPanel(x: usize, w: usize, y: usize, K: i32, format: i32, bias: bool): void {
  const depth = int(17);
  let k0 = 0;
  do {
    const steps = min(depth, K - k0), add = bias || k0 > 0;
    if (format === Format.f32) tile1(at(x, k0), w + panelBytes(format, k0), y, steps, 0, add ? y : 0, 0);
    else quantizedRow(at(x, k0), w + panelBytes(format, k0), y, steps, format, add);
    k0 += steps;
  } while (k0 < K);
}

function rowsTimesPanels(x: usize, w: usize, bias: usize, y: usize, K: i32, rows: i32, panels: i32, width: i32, format: i32, scratch: usize): void {
  const ldx = <usize>int(1) << 2, ldy = <usize>int(7) << 2, depth = int(17);
  const wide = scratch + Tile.rows * Tile.depth * 4, corner = wide + WIDE * Tile.depth * 32;
  const size = panelBytes(format, K);
  const few = rows % ROWS, two = few === 2 || (few === 3 && ASC_FEATURE_RELAXED_SIMD) ? 2 : 0;
  const one = few === 1 || (few === 3 && ASC_FEATURE_RELAXED_SIMD) ? 1 : 0, whole = rows - two - one;
  // a few rows take several panels at once
  const together = whole < rows ? WIDE : 1;
  let k0 = 0;
  do {
    // a block adds to the one before it, the first one to the bias, or to what is there
    const steps = min(depth, K - k0), base = k0 > 0 ? y : bias, ldb = base === y ? ldy : 0;
    const from = x + <usize>k0 * (int(18) ? ldx : 4);
    const groups = whole / ROWS;
    if (int(18)) packTurnedGroups(from, ldx, scratch, groups, steps);
    for (let row = int(18) ? groups * ROWS : 0; row < whole; row += ROWS) packRows(from, row, ldx, at(scratch, row * steps), min(ROWS, whole - row), steps);
    if (two) packRows(from, whole, ldx, at(scratch, whole * steps), 2, steps);
    if (one) packRows(from, rows - 1, ldx, at(scratch, (rows - 1) * steps), 1, steps);
    for (let panel = 0; panel < panels; panel += together) {
      const count = min(together, panels - panel), left = width - (panel << 3), target = at(y, panel << 3);
      const below = base ? at(base, panel << 3) : 0;
      let b = w + <usize>panel * size + panelBytes(format, k0), apart = size;
      if (format !== Format.f32) {
        apart = <usize>steps << 5;
        for (let n = 0; n < count; n++) dequantizePanel(b + <usize>n * size, wide + <usize>n * apart, steps, format);
        b = wide;
      }
      for (let n = 0; n < count; n++) {
        let row = 0;
        if (steps > 0 && left >= (n + 1) << 3) {
          tiles(scratch, b + <usize>n * apart, at(target, n << 3), steps, ldy, under(below, n << 3, 0, ldb), ldb, groups);
          row = groups * ROWS;
        }
        for (; row < whole; row += ROWS)
          rowsTimesPanel(min(ROWS, whole - row), at(scratch, row * steps), b + <usize>n * apart, at(target, n << 3) + <usize>row * ldy, left - (n << 3), corner, steps, ldy, under(below, n << 3, row, ldb), ldb);
      }
      if (two) rowsTimesSome(2, at(scratch, whole * steps), b, apart, count, target + <usize>whole * ldy, left, corner, steps, ldy, under(below, 0, whole, ldb), ldb);
      if (one) rowsTimesSome(1, at(scratch, (rows - 1) * steps), b, apart, count, target + <usize>(rows - 1) * ldy, left, corner, steps, ldy, under(below, 0, rows - 1, ldb), ldb);
    }
    k0 += steps;
  } while (k0 < K);
}

/** Where the numbers to add to a tile stand; 0 where there are none. */
// @ts-ignore: decorator
@inline function under(base: usize, column: i32, row: i32, ldb: usize): usize {
  return base ? at(base, column) + <usize>row * ldb : 0;
}

/** One or two packed rows times `count` panels, `apart` bytes apart, of which `left` columns exist. */
function rowsTimesSome(rows: i32, a: usize, b: usize, apart: usize, count: i32, y: usize, left: i32, corner: usize, steps: i32, ldy: usize, base: usize, ldb: usize): void {
  const step = panelsOf(rows);
  let n = 0;
  for (; n + step <= count && left >= (n + step) << 3; n += step)
    multiplyWide(rows, a, b + <usize>n * apart, apart, 32, at(y, n << 3), steps, ldy, under(base, n << 3, 0, 0), ldb);
  for (; n < count; n++) rowsTimesPanel(rows, a, b + <usize>n * apart, at(y, n << 3), left - (n << 3), corner, steps, ldy, under(base, n << 3, 0, 0), ldb);
}

/** At most ROWS packed rows times one panel, of which `left` columns exist. */
function rowsTimesPanel(rows: i32, a: usize, b: usize, y: usize, left: i32, corner: usize, steps: i32, ldy: usize, base: usize, ldb: usize): void {
  if (left >= 8) return multiplyTile(rows, a, b, y, steps, ldy, base, ldb);
  multiplyTile(rows, a, b, corner, steps, 32, 0, 0);
  for (let r: usize = 0; r < <usize>rows; r++) addRow(corner + (r << 5), y + r * ldy, left, under(base, 0, <i32>r, ldb));
}

/** `[rows, steps]`, or turned `[steps, rows]`, from row `first` on → `[steps][rows]` */
function packRows(from: usize, first: i32, ldx: usize, target: usize, rows: i32, steps: i32): void {
  if (int(18)) return packTurned(at(from, first), ldx, target, rows, steps);
  const x = from + <usize>first * ldx;
  if (rows === ROWS) return packWhole(x, ldx, target, steps);
  for (let k = 0; k < steps; k++)
    for (let row = 0; row < rows; row++) {
      store<f32>(target, load<f32>(at(x, k) + <usize>row * ldx));
      target += 4;
    }
}

/** ROWS whole rows, four steps at a time. */
export function packWhole(x: usize, ldx: usize, target: usize, steps: i32): void {
  const x1 = x + ldx, x2 = x1 + ldx, x3 = x2 + ldx, x4 = x3 + ldx, x5 = x4 + ldx;
  const whole = <usize>(steps & ~3) << 2;
  let k: usize = 0;
  for (; k < whole; k += 16) {
    const a = v128.load(x + k), b = v128.load(x1 + k), c = v128.load(x2 + k), d = v128.load(x3 + k);
    const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    v128.store(target, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
    v128.store(target + ROWS * 4, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
    v128.store(target + ROWS * 8, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
    v128.store(target + ROWS * 12, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
    if (ROWS === 6) {
      const e = v128.load(x4 + k), f = v128.load(x5 + k);
      const ef0 = v128.shuffle<f32>(e, f, 0, 4, 1, 5), ef1 = v128.shuffle<f32>(e, f, 2, 6, 3, 7);
      v128.store_lane<u64>(target + 16, ef0, 0);
      v128.store_lane<u64>(target + 40, ef0, 1);
      v128.store_lane<u64>(target + 64, ef1, 0);
      v128.store_lane<u64>(target + 88, ef1, 1);
    }
    target += ROWS * 16;
  }
  for (; k < <usize>steps << 2; k += 4) {
    store<f32>(target, load<f32>(x + k));
    store<f32>(target, load<f32>(x1 + k), 4);
    store<f32>(target, load<f32>(x2 + k), 8);
    store<f32>(target, load<f32>(x3 + k), 12);
    if (ROWS === 6) {
      store<f32>(target, load<f32>(x4 + k), 16);
      store<f32>(target, load<f32>(x5 + k), 20);
    }
    target += ROWS * 4;
  }
}

/** Whole groups of rows that lie side by side, step after step: all groups of a step at once, for they share lines of the cache. */
function packTurnedGroups(x: usize, ldx: usize, target: usize, groups: i32, steps: i32): void {
  const apart = <usize>(steps * ROWS) << 2;
  for (let k = 0; k < steps; k++) {
    let from = x, to = target;
    for (let group = 0; group < groups; group++) {
      v128.store(to, v128.load(from));
      if (ROWS === 6) store<u64>(to, load<u64>(from, 16), 16);
      from += ROWS << 2;
      to += apart;
    }
    x += ldx;
    target += ROWS << 2;
  }
}

/** The same of fewer rows. */
function packTurned(x: usize, ldx: usize, target: usize, rows: i32, steps: i32): void {
  for (let k = 0; k < steps; k++) {
    for (let row = 0; row < rows; row++) store<f32>(at(target, row), load<f32>(at(x, row)));
    target += <usize>rows << 2;
    x += ldx;
  }
}

function copyRow(from: usize, to: usize, count: i32): void {
  memory.copy(to, from, <usize>count << 2);
}

function addRow(from: usize, to: usize, count: i32, base: usize): void {
  for (let n = 0; n < count; n++) store<f32>(at(to, n), load<f32>(at(from, n)) + (base ? load<f32>(at(base, n)) : 0));
}
