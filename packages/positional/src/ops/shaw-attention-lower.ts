import { binary, gather, matmul, permute, softmax, type Tensor, tensor, where } from '@headwise/tensor';
import { clampedDistances, positionsOf, type RelativeCall } from './relative-positions.ts';
import type { ShawInputs, ShawParams } from './shaw-attention-form.ts';

/**
 * Shaw's attention from products: a query meets its keys in one, and in another the relative keys, which are a matrix
 * for each query, shared by its heads.
 */
export function lowerShaw(inputs: ShawInputs, params: ShawParams): readonly Tensor[] {
  const { q, k, v, relativeKeys, relativeValues, queryPositions, keyPositions } = inputs;
  const [B, Lq, H, D] = q.shape as [number, number, number, number];
  const [, Lk, Hkv, Dv] = v.shape as [number, number, number, number];
  const call: RelativeCall = {
    device: q.device,
    Lq,
    Lk,
    offset: params.offset,
    queryPositions,
    keyPositions,
  };
  const number = (value: number): Tensor => tensor(q.device, [value], []);
  const rows = clampedDistances(call, (relativeKeys.shape[0]! - 1) / 2); // [B | 1, Lq, Lk]

  const heads = permute(q, [0, 2, 1, 3]); // [B, H, Lq, D]
  const keys = permute(k, [0, 2, 3, 1]).reshape([B * Hkv, D, Lk]);
  const dots = matmul(heads.reshape([B * Hkv, (H / Hkv) * Lq, D]), keys).reshape([B, H, Lq, Lk]);
  const relative = perQuery(heads, permute(gather(relativeKeys, rows), [0, 1, 3, 2])); // [B, H, Lq, Lk]
  const scores = binary(binary(dots, relative, 'add'), number(params.scale), 'multiply');
  const weights = softmax(where(seen(call, params), scores, number(-Infinity)));

  const { finite, spoiled } = split(v);
  const groups = weights.reshape([B * Hkv, (H / Hkv) * Lq, Lk]);
  const columns = (x: Tensor): Tensor => permute(x, [0, 2, 1, 3]).reshape([B * Hkv, Lk, Dv]);
  const summed = matmul(groups, columns(finite)).reshape([B, H, Lq, Dv]);
  const added = relativeValues
    ? binary(summed, perQuery(weights, gather(relativeValues, rows)), 'add')
    : summed;
  // a value that is not finite spoils the rows that see it, and no other
  const touched = matmul(binary(number(0), groups, 'less'), columns(spoiled)).reshape([B, H, Lq, Dv]);
  const out = where(touched, number(Number.NaN), added);
  return [permute(out, [0, 2, 1, 3]), weights];
}

/** `x [B, H, Lq, n]` times a matrix for each query, `[B | 1, Lq, n, m]`: `[B, H, Lq, m]`. */
function perQuery(x: Tensor, matrices: Tensor): Tensor {
  const [B, H, Lq, n] = x.shape as [number, number, number, number];
  const [own, , , m] = matrices.shape as [number, number, number, number];
  // one set of positions for all sequences: the sequences are rows of one product
  const [order, G, M] = own === 1 ? [[2, 0, 1, 3], Lq, B * H] : [[0, 2, 1, 3], B * Lq, H];
  const product = matmul(permute(x, order as number[]).reshape([G!, M!, n]), matrices.reshape([G!, n, m]));
  return own === 1
    ? permute(product.reshape([Lq, B, H, m]), [1, 2, 0, 3])
    : permute(product.reshape([B, Lq, H, m]), [0, 2, 1, 3]);
}

/** 1 where a query sees a key, `[B | 1, 1, Lq, Lk]`. */
function seen(call: RelativeCall, { causal, valid }: ShawParams): Tensor {
  const { device, Lk } = call;
  const { q, k } = positionsOf(call);
  const slots = Float32Array.from({ length: Lk }, (_, j) => (j < valid ? 1 : 0));
  const there = binary(tensor(device, [0], []), k, 'less-equal');
  const used = binary(there, tensor(device, slots, [Lk]), 'multiply');
  const visible = causal
    ? binary(used, binary(k, q, 'less-equal'), 'multiply')
    : binary(used, binary(q, q, 'equal'), 'multiply');
  const [B, Lq] = visible.shape as [number, number, number];
  return visible.reshape([B, 1, Lq, Lk]);
}

/** The finite numbers of x with zeros in place of the others, and 1 where the others are. */
function split(x: Tensor): { readonly finite: Tensor; readonly spoiled: Tensor } {
  const zero = tensor(x.device, [0], []);
  const one = tensor(x.device, [1], []);
  // x − x is 0 for a finite number and NaN for any other, which equals nothing
  const fine = binary(binary(x, x, 'subtract'), zero, 'equal');
  return { finite: where(fine, x, zero), spoiled: binary(one, fine, 'subtract') };
}
