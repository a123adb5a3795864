import { at, giveSign, int, num, ptr } from './job';
import { Tile } from './kernel-list';
import { madd, splat } from './vector';

/**
 * Linear attention as it is written, token by token, with a decay or a correction or both. The columns of a state do not
 * know of each other: a task takes 16 of one head, which stay near the processor, and sums of them in four registers.
 *
 * ```text
 * S ← kept ∘ S + k · (beta · (v − (kept ∘ S)ᵀ k))ᵀ, without beta kept ∘ S + k · vᵀ;   y = scale · q S of each query head
 *
 * arguments  0 q, 1 k, 2 v, 3 S, 4 kept (exp of the decay) or 0, 5 beta or 0, 6 y, 7 S after the tokens,
 *            8 L, 9 H, 10 Hkv, 11 D, 12 Dv, 13 numbers of kept a head, 14 of beta a token, 15 scale
 * scratch    16 columns of D rows, then 16 values, then 16 results
 * ```
 */
export function recurrenceTask(task: i32, scratch: usize): void {
  const L = int(8), H = int(9), Hkv = int(10), D = int(11), Dv = int(12), G = H / Hkv;
  const blocks = (Dv + Tile.columns - 1) / Tile.columns;
  const head = task / blocks, e = (task - head * blocks) * Tile.columns;
  const b = head / Hkv, g = head - b * Hkv, width = min(Dv - e, Tile.columns);
  const values = scratch + (<usize>D << 6), results = values + 64;
  memory.fill(scratch, 0, (<usize>D << 6) + 128);
  for (let d = 0; d < D; d++) move(at(ptr(3), (head * D + d) * Dv + e), at(scratch, d << 4), width);

  const each = int(13), step: usize = each > 1 ? 4 : 0;
  for (let token = b * L, end = token + L; token < end; token++) {
    giveSign();
    const row = token * Hkv + g, k = at(ptr(1), row * D), kept = ptr(4) ? at(ptr(4), row * each) : ONE;
    move(at(ptr(2), row * Dv + e), values, width);
    if (ptr(5)) correct(scratch, values, k, kept, step, load<f32>(at(ptr(5), int(14) > 1 ? row : token)));
    const first = token * H + g * G;
    for (let h = first; h < first + G; h++) {
      const q = at(ptr(0), h * D);
      if (h === first) update(scratch, values, k, kept, step, q, results);
      else read(scratch, q, results);
      move(results, at(ptr(6), h * Dv + e), width);
    }
  }
  for (let d = 0; d < D; d++) move(at(scratch, d << 4), at(ptr(7), (head * D + d) * Dv + e), width);
}

const ONE: usize = memory.data<f32>([1], 16);

// @ts-ignore: decorator
@inline function move(from: usize, to: usize, width: i32): void {
  if (width < 16) return memory.copy(to, from, <usize>width << 2);
  v128.store(to, v128.load(from));
  v128.store(to, v128.load(from, 16), 16);
  v128.store(to, v128.load(from, 32), 32);
  v128.store(to, v128.load(from, 48), 48);
}

/** values ← beta · (values − (kept ∘ S)ᵀ k) */
function correct(S: usize, values: usize, k: usize, kept: usize, step: usize, beta: f32): void {
  let a = splat(0), b = a, c = a, d = a;
  for (const end = values; S < end; S += 64) {
    const x = f32x4.mul(v128.load32_splat(k), v128.load32_splat(kept));
    a = madd(x, v128.load(S), a);
    b = madd(x, v128.load(S, 16), b);
    c = madd(x, v128.load(S, 32), c);
    d = madd(x, v128.load(S, 48), d);
    k += 4;
    kept += step;
  }
  const written = splat(beta);
  v128.store(values, f32x4.mul(f32x4.sub(v128.load(values), a), written));
  v128.store(values, f32x4.mul(f32x4.sub(v128.load(values, 16), b), written), 16);
  v128.store(values, f32x4.mul(f32x4.sub(v128.load(values, 32), c), written), 32);
  v128.store(values, f32x4.mul(f32x4.sub(v128.load(values, 48), d), written), 48);
}

/** S ← kept ∘ S + k · valuesᵀ, and the first query reads what is written */
function update(S: usize, values: usize, k: usize, kept: usize, step: usize, q: usize, y: usize): void {
  const v0 = v128.load(values), v1 = v128.load(values, 16), v2 = v128.load(values, 32), v3 = v128.load(values, 48);
  let a = splat(0), b = a, c = a, d = a;
  for (const end = values; S < end; S += 64) {
    const x = v128.load32_splat(k), stays = v128.load32_splat(kept), r = v128.load32_splat(q);
    const s0 = madd(x, v0, f32x4.mul(stays, v128.load(S))), s1 = madd(x, v1, f32x4.mul(stays, v128.load(S, 16)));
    const s2 = madd(x, v2, f32x4.mul(stays, v128.load(S, 32))), s3 = madd(x, v3, f32x4.mul(stays, v128.load(S, 48)));
    v128.store(S, s0);
    v128.store(S, s1, 16);
    v128.store(S, s2, 32);
    v128.store(S, s3, 48);
    a = madd(r, s0, a);
    b = madd(r, s1, b);
    c = madd(r, s2, c);
    d = madd(r, s3, d);
    k += 4;
    q += 4;
    kept += step;
  }
  scaled(a, b, c, d, y);
}

/** What another query of the group reads. */
function read(S: usize, q: usize, y: usize): void {
  let a = splat(0), b = a, c = a, d = a;
  for (const end = S + (<usize>int(11) << 6); S < end; S += 64) {
    const r = v128.load32_splat(q);
    a = madd(r, v128.load(S), a);
    b = madd(r, v128.load(S, 16), b);
    c = madd(r, v128.load(S, 32), c);
    d = madd(r, v128.load(S, 48), d);
    q += 4;
  }
  scaled(a, b, c, d, y);
}

// @ts-ignore: decorator
@inline function scaled(a: v128, b: v128, c: v128, d: v128, y: usize): void {
  const scale = splat(num(15));
  v128.store(y, f32x4.mul(a, scale));
  v128.store(y, f32x4.mul(b, scale), 16);
  v128.store(y, f32x4.mul(c, scale), 32);
  v128.store(y, f32x4.mul(d, scale), 48);
}
