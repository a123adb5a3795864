import { keyRow, outStride, valueRow, writeOut } from './attention';
import { at, int, ptr } from './job';
import { Format, Tile } from './kernel-list';
import { transpose } from './panel';

/**
 * Keys and values of one tile of one head, as prefill reads them; one (batch, key head, tile) a task.
 *
 * ```text
 * arguments  of attention, and 38 keys, 39 values, 40 one i32 a tile: a value is NaN or infinite; 41 tiles
 * keys       8 panels of 8 keys [8][D][8]
 * values     panels of 8 columns [⌈Dv/8⌉][64][8]
 * scratch    keys or values in f32 [64, up to 32 more], where they are stored in fewer bits
 * ```
 *
 * Keys and columns that do not exist are zeros.
 */
export function attentionPackTask(task: i32, scratch: usize): void {
  const tiles = int(41), Hkv = int(10), D = int(8), Dv = int(12);
  const tile = task % tiles, rest = task / tiles;
  const head = rest % Hkv, b = rest / Hkv;
  const first = tile * Tile.keys, count = min(Tile.keys, int(13) - first);
  let rows = keyRow(b, first, head), stride = <usize>int(34) * <usize>Hkv;
  if (int(32) !== Format.f32) {
    writeOut(rows, stride, scratch, D, count, int(32));
    rows = scratch;
    stride = outStride(D);
  }
  packKeys(rows, stride, ptr(38) + <usize>task * <usize>(Tile.keys * D) * 4, D, count);
  rows = valueRow(b, first, head);
  stride = <usize>int(35) * <usize>Hkv;
  if (int(33) !== Format.f32) {
    writeOut(rows, stride, scratch, Dv, count, int(33));
    rows = scratch;
    stride = outStride(Dv);
  }
  const panels = (Dv + 7) >> 3;
  const odd = packValues(rows, stride, ptr(39) + <usize>task * <usize>(Tile.keys * panels) * 32, Dv, count);
  store<i32>(at(ptr(40), task), odd ? 1 : 0);
}

function packKeys(k: usize, stride: usize, target: usize, D: i32, count: i32): void {
  const whole = D & ~3;
  for (let j = 0; j < Tile.keys; j += 8) {
    const panel = target + <usize>(j * D) * 4;
    if (count < j + 8) {
      for (let d = 0; d < D; d++)
        for (let l = 0; l < 8; l++)
          store<f32>(at(panel, d * 8 + l), j + l < count ? load<f32>(at(k + <usize>(j + l) * stride, d)) : 0);
      continue;
    }
    for (let half = 0; half < 8; half += 4) {
      const p0 = k + <usize>(j + half) * stride, p1 = p0 + stride, p2 = p1 + stride, p3 = p2 + stride;
      for (let d: usize = 0; d < <usize>whole << 2; d += 16)
        transpose(v128.load(p0 + d), v128.load(p1 + d), v128.load(p2 + d), v128.load(p3 + d), panel + (<usize>half << 2) + (d << 3));
      for (let d = whole; d < D; d++)
        for (let l = 0; l < 4; l++) store<f32>(at(panel, d * 8 + half + l), load<f32>(at(p0 + <usize>l * stride, d)));
    }
  }
}

/** @returns whether a value is NaN or infinite */
function packValues(v: usize, stride: usize, target: usize, Dv: i32, count: i32): bool {
  let exponents = i32x4.splat(0);
  const infinite = i32x4.splat(0x7f800000);
  for (let d = 0; d < Dv; d += 8) {
    const width = min(8, Dv - d);
    for (let j = 0; j < Tile.keys; j++) {
      let low = f32x4.splat(0), high = f32x4.splat(0);
      if (j < count) {
        const from = at(v + <usize>j * stride, d);
        if (width === 8) {
          low = v128.load(from);
          high = v128.load(from, 16);
        } else {
          v128.store(target, low);
          v128.store(target, high, 16);
          for (let c = 0; c < width; c++) store<f32>(at(target, c), load<f32>(at(from, c)));
          low = v128.load(target);
          high = v128.load(target, 16);
        }
        exponents = v128.or(exponents, i32x4.eq(v128.and(low, infinite), infinite));
        exponents = v128.or(exponents, i32x4.eq(v128.and(high, infinite), infinite));
      }
      v128.store(target, low);
      v128.store(target, high, 16);
      target += 32;
    }
  }
  return v128.any_true(exponents);
}
