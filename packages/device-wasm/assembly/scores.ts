import { isAnchor, keyPosition, keyRow, lastSeen, queryPosition, segment, segmentStart, writeOut } from './attention';
import { at, int, num, ptr } from './job';
import { Format } from './kernel-list';
import { ask, hasMask, hasScore, modify } from './modified';
import { exp, splat, tanh } from './vector';

/**
 * The score matrices that a caller may ask for beside the result; one (batch, head, query) a task. Plain loops:
 * this is for looking at attention, not for running it.
 *
 * ```text
 * arguments  of attention (4 is the log-sum-exp and must be there for weights)
 *            38 weights, 39 raw, 40 capped, 41 scores, each [B, H, Lq, Lk] or 0
 * scratch    what modifiers are asked about: scores [4] | positions [4] | answers [4]
 *            one key in f32 [D up to 32 more], where keys are stored in fewer bits
 * ```
 */
export function scoresTask(task: i32, scratch: usize): void {
  const Lq = int(6), H = int(7), D = int(8), Lk = int(9), Hkv = int(10);
  const i = task % Lq, h = (task / Lq) % H, b = task / (Lq * H);
  const q = at(ptr(0), ((b * Lq + i) * H + h) * D);
  const qPosition = queryPosition(b, i), cap = num(20);
  const kv = h / (H / Hkv);
  for (let j = 0; j < Lk; j++) {
    let k = keyRow(b, j, kv);
    if (int(32) !== Format.f32) k = writeOut(k, 0, at(scratch, 12), D, 1, int(32));
    const cell = task * Lk + j;
    let s: f32 = dot(q, k, D) * num(15);
    if (ptr(39)) store<f32>(at(ptr(39), cell), s);
    if (cap > 0) s = cap * f32x4.extract_lane(tanh(splat(s / cap)), 0);
    if (ptr(40)) store<f32>(at(ptr(40), cell), s);
    const position = keyPosition(b, j);
    if (ptr(21)) s -= load<f32>(at(ptr(21), h)) * <f32>abs(qPosition - position);
    const bias: f32 = ptr(22) ? load<f32>(at(ptr(22), b * int(23) + h * int(24) + i * Lk + j)) : 0;
    s += bias;
    if (hasScore() || hasMask()) v128.store(at(scratch, 4), i32x4.splat(position));
    if (hasScore()) {
      v128.store(scratch, splat(s));
      modify(scratch, 4, at(scratch, 4), qPosition, b, h, 1);
      s = load<f32>(scratch);
    }
    let visible = bias !== -Infinity && seen(b, j, qPosition, position);
    if (visible && hasMask()) visible = (ask(at(scratch, 8), 4, at(scratch, 4), qPosition, b, h) & 1) !== 0;
    if (!visible) s = -Infinity;
    if (ptr(41)) store<f32>(at(ptr(41), cell), s);
    if (ptr(38)) {
      const lse = load<f32>(at(ptr(4), task));
      store<f32>(at(ptr(38), cell), s === -Infinity ? 0 : f32x4.extract_lane(exp(splat(s - lse)), 0));
    }
  }
}

function seen(b: i32, j: i32, q: i32, k: i32): bool {
  if (j >= int(13) || k < 0) return false;
  const distance = q - k;
  if (k > lastSeen(q)) return false;
  if (segment() > 0 && (k < segmentStart(q) || k >= segmentStart(q) + segment()) && !isAnchor(k)) return false;
  if ((distance > int(17) || distance < -int(18)) && k >= int(19)) return false;
  return ptr(30) === 0 || q <= load<i32>(at(ptr(30), b * int(31) + j));
}

function dot(q: usize, k: usize, D: i32): f32 {
  let sum: f32 = 0;
  for (let d = 0; d < D; d++) sum += load<f32>(at(q, d)) * load<f32>(at(k, d));
  return sum;
}
