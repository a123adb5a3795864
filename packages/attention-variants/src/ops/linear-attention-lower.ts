import {
  add,
  binary,
  concat,
  type Device,
  matmul,
  multiply,
  permute,
  slice,
  type Tensor,
  tensor,
  unary,
} from '@headwise/tensor';
import { deltaInChunks } from './delta-chunks.ts';
import type { LinearAttentionInputs, LinearAttentionParams } from './linear-attention-form.ts';
import { type HeadsFirst, headwise, joined, rows } from './linear-attention-pieces.ts';
import { number } from './numbers.ts';

/** Tokens of a piece whose scores are computed at once: small beside the sequence, large beside a row of the state. */
const CHUNK = 64;

/**
 * Linear attention from products. A normaliser is one more column of the values, of ones: then the sum of φ(k) is one
 * more column of the state, and what divides is one more column of the output.
 */
export function lowerLinearAttention(
  inputs: LinearAttentionInputs,
  params: LinearAttentionParams,
): readonly Tensor[] {
  const { scale, eps } = params;
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
  const { y, S } = formOf(inputs, params)(heads, inputs);
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

/** A token alone is one step of the recurrence. */
function formOf({ q }: LinearAttentionInputs, { rule, causal }: LinearAttentionParams) {
  if (rule === 'linear') return causal ? inChunks : atOnce;
  return rule !== 'gated' && q.shape[1]! > 1 ? deltaInChunks : tokenByToken;
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
function tokenByToken(heads: HeadsFirst, { decay, beta }: LinearAttentionInputs): { y: Tensor; S: Tensor } {
  const { L, G, q, k, v, S } = heads;
  const [N, , D] = k.shape as [number, number, number];
  const W = v.shape[2]!;
  const kept = decay && unary(headwise(heads, decay), 'exp');
  const written = beta && headwise(heads, beta.reshape([...beta.shape, 1]));
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

/** 1 on and below the diagonal. */
function lowerHalf(device: Device, C: number): Tensor {
  const ones = Float32Array.from({ length: C * C }, (_, n) => (n % C <= Math.floor(n / C) ? 1 : 0));
  return tensor(device, ones, [C, C]);
}

function filled(device: Device, shape: readonly number[], value: number): Tensor {
  return tensor(device, new Float32Array(shape.reduce((size, axis) => size * axis, 1)).fill(value), shape);
}
