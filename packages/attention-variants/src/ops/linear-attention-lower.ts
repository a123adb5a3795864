import {
  add,
  binary,
  concat,
  type Device,
  gather,
  matmul,
  multiply,
  permute,
  scope,
  slice,
  type Tensor,
  tensor,
  unary,
} from '@headwise/tensor';
import type { LinearAttentionInputs, LinearAttentionParams } from './linear-attention-form.ts';

/** Tokens of a piece whose scores are computed at once: small beside the sequence, large beside a row of the state. */
const CHUNK = 64;

/** What the two forms need, heads first: `G = H / Hkv` query heads read one state, `N = B · Hkv` states. */
interface HeadsFirst {
  readonly device: Device;
  readonly L: number;
  readonly G: number;
  /** `[N · G, L, D]` */
  readonly q: Tensor;
  /** `[N, L, D]` */
  readonly k: Tensor;
  /** `[N, L, W]`; with a normaliser W is Dv + 1, and the last number of each row is 1 */
  readonly v: Tensor;
  /** `[N, D, W]`; the normaliser is its last column */
  readonly S: Tensor;
}

/**
 * Linear attention from products. A normaliser is one more column of the values, of ones: then the sum of φ(k) is one
 * more column of the state, and what divides is one more column of the output.
 */
export function lowerLinearAttention(
  inputs: LinearAttentionInputs,
  params: LinearAttentionParams,
): readonly Tensor[] {
  const { rule, scale, eps, causal } = params;
  const [B, L, H] = inputs.q.shape as [number, number, number];
  const [, , Hkv, Dv] = inputs.v.shape as [number, number, number, number];
  const D = inputs.k.shape[3]!;
  if (L === 0) {
    const { q, S, z } = inputs;
    // results of their own: a cache writes them over the state they came from
    const same = (x: Tensor): Tensor => binary(x, number(x.device, 1), 'multiply');
    return [filled(q.device, [B, 0, H, Dv], 0), same(S), ...(z ? [same(z)] : [])];
  }
  const heads = headsFirst(inputs, params);
  const { y, S } =
    rule === 'linear' ? (causal ? inChunks(heads) : atOnce(heads)) : tokenByToken(heads, inputs);
  const W = heads.v.shape[2]!;
  const rows = permute(y.reshape([B, H, L, W]), [0, 2, 1, 3]);
  const state = S.reshape([B, Hkv, D, W]);
  const scaled = (out: Tensor): Tensor =>
    scale === 1 ? out : binary(out, number(heads.device, scale), 'multiply');
  if (!inputs.z) return [scaled(rows), state];
  const norm = binary(slice(rows, Dv, 1), number(heads.device, eps), 'add');
  const z = slice(state, Dv, 1).reshape([B, Hkv, D]);
  return [scaled(binary(slice(rows, 0, Dv), norm, 'divide')), slice(state, 0, Dv), z];
}

function headsFirst(
  { q, k, v, S, z }: LinearAttentionInputs,
  { feature }: LinearAttentionParams,
): HeadsFirst {
  const { device } = q;
  const [B, L, H, D] = q.shape as [number, number, number, number];
  const [, , Hkv, Dv] = v.shape as [number, number, number, number];
  const N = B * Hkv;
  const W = z ? Dv + 1 : Dv;
  const phi = (x: Tensor): Tensor => (feature === 'none' ? x : unary(x, 'elu+1'));
  const turned = (x: Tensor): Tensor => permute(x, [0, 2, 1, 3]);
  const ones = z && filled(device, [N, L, 1], 1);
  const values = turned(v).reshape([N, L, Dv]);
  const state = S.reshape([N, D, Dv]);
  return {
    device,
    L,
    G: H / Hkv,
    q: turned(phi(q)).reshape([B * H, L, D]),
    k: turned(phi(k)).reshape([N, L, D]),
    v: ones ? concat(values, ones) : values,
    S: z ? concat(state, z.reshape([N, D, 1])).reshape([N, D, W]) : state,
  };
}

/** Every token sees all of the call. */
function atOnce({ L, G, q, k, v, S }: HeadsFirst): { y: Tensor; S: Tensor } {
  const [N, , D] = k.shape as [number, number, number];
  const next = add(S, matmul(permute(k, [0, 2, 1]), v));
  return { y: matmul(q.reshape([N, G * L, D]), next), S: next };
}

/** A chunk sees the state before it, and itself through a product with its upper half set to zero. */
function inChunks({ device, L, G, q, k, v, S }: HeadsFirst): { y: Tensor; S: Tensor } {
  const [N, , D] = k.shape as [number, number, number];
  const W = v.shape[2]!;
  return joined(0, Math.ceil(L / CHUNK), S, (chunk, state) => {
    const start = chunk * CHUNK;
    const C = Math.min(CHUNK, L - start);
    const [qs, ks, vs] = [rows(q, start, C), rows(k, start, C), rows(v, start, C)];
    const columns = permute(ks, [0, 2, 1]);
    const queries = qs.reshape([N, G * C, D]);
    const scores = multiply(matmul(queries, columns).reshape([N * G, C, C]), lowerHalf(device, C));
    const seen = add(matmul(scores.reshape([N, G * C, C]), vs), matmul(queries, state));
    return { y: seen.reshape([N * G, C * W]), S: add(state, matmul(columns, vs)) };
  });
}

/** The recurrence of the gated and delta rules, as it is written. */
function tokenByToken(
  { device, L, G, q, k, v, S }: HeadsFirst,
  { decay, beta }: LinearAttentionInputs,
): { y: Tensor; S: Tensor } {
  const [N, , D] = k.shape as [number, number, number];
  const W = v.shape[2]!;
  const headwise = (x: Tensor): Tensor => {
    const [B, , heads, width] = x.shape as [number, number, number, number];
    const each = permute(x, [0, 2, 1, 3]);
    if (B * heads === N) return each.reshape([N, L, width]);
    // one number for all heads of a token
    const Hkv = N / B;
    const ids = Int32Array.from({ length: N * L }, (_, n) => Math.floor(n / (Hkv * L)) * L + (n % L));
    return gather(each.reshape([B * L, width]), tensor(device, ids, [N, L]));
  };
  const kept = decay && unary(headwise(decay), 'exp');
  const written = beta && headwise(beta.reshape([...beta.shape, 1]));
  return joined(0, L, S, (t, before) => {
    const kt = rows(k, t, 1); // [N, 1, D]
    const vt = rows(v, t, 1); // [N, 1, W]
    const state = kept ? binary(before, permute(rows(kept, t, 1), [0, 2, 1]), 'multiply') : before;
    const value = written
      ? binary(binary(vt, matmul(kt, state), 'subtract'), rows(written, t, 1), 'multiply')
      : vt;
    const after = add(state, matmul(permute(kt, [0, 2, 1]), value));
    return { y: matmul(rows(q, t, 1).reshape([N, G, D]), after).reshape([N * G, W]), S: after };
  });
}

/**
 * Steps `from … to − 1`, each from the state that the one before leaves: their outputs side by side, and the last
 * state. Halves are joined in scopes, so a few outputs and states are alive at once, and a number is copied log(steps)
 * times.
 */
function joined(
  from: number,
  to: number,
  S: Tensor,
  step: (n: number, S: Tensor) => { y: Tensor; S: Tensor },
): { y: Tensor; S: Tensor } {
  return scope(() => {
    if (to - from === 1) return step(from, S);
    const middle = Math.ceil((from + to) / 2);
    const left = joined(from, middle, S, step);
    const right = joined(middle, to, left.S, step);
    return { y: concat(left.y, right.y), S: right.S };
  });
}

/** Rows `start … start + count − 1` of each matrix `[N, L, W]`. */
function rows(x: Tensor, start: number, count: number): Tensor {
  const [N, L, W] = x.shape as [number, number, number];
  if (count === L) return x;
  const ids = Int32Array.from(
    { length: N * count },
    (_, n) => Math.floor(n / count) * L + start + (n % count),
  );
  return gather(x.reshape([N * L, W]), tensor(x.device, ids, [N, count]));
}

/** 1 on and below the diagonal. */
function lowerHalf(device: Device, C: number): Tensor {
  const ones = Float32Array.from({ length: C * C }, (_, n) => (n % C <= Math.floor(n / C) ? 1 : 0));
  return tensor(device, ones, [C, C]);
}

function filled(device: Device, shape: readonly number[], value: number): Tensor {
  return tensor(device, new Float32Array(shape.reduce((size, axis) => size * axis, 1)).fill(value), shape);
}

function number(device: Device, value: number): Tensor {
  return tensor(device, [value], []);
}
