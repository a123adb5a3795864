import { add, binary, concat, linear, multiply, slice, type Tensor, tensor, unary } from '@headwise/tensor';
import type { Shapes, Weights } from '../part.ts';

/**
 * Shapes of the weights of a gated recurrent unit that reads vectors of width `E` and remembers one of width `N`:
 * reset, update and candidate under one another.
 */
export function gruParameters(E: number, N: number): Shapes {
  return { input: [3 * N, E], 'input.bias': [3 * N], hidden: [2 * N, N], candidate: [N, N] };
}

/**
 * One step of a gated recurrent unit: it forgets and updates as the input says.
 *
 * ```text
 * r = σ(W_r x + U_r h)      z = σ(W_z x + U_z h)      h̃ = tanh(W x + U (r ∘ h))      h' = (1 − z) ∘ h + z ∘ h̃
 * ```
 *
 * The update gate is that of Bahdanau et al. 2014, appendix A.1.1; z of Cho et al. 2014, eq. 7, is `1 − z` here.
 *
 * @param projected `[B, 3N]`: `input · x + bias`
 * @param h `[B, N]`
 * @returns `[B, N]`
 * @see Cho et al. 2014, "Learning Phrase Representations using RNN Encoder–Decoder for Statistical Machine Translation",
 * section 2.3, {@link https://arxiv.org/abs/1406.1078}. Never throws.
 */
export function gruStep(projected: Tensor, h: Tensor, { hidden, candidate }: Weights): Tensor<'B N'> {
  const N = h.shape[1]!;
  const gates = unary(add(slice(projected, 0, 2 * N), linear(h, hidden!)), 'sigmoid');
  const reset: Tensor = slice(gates, 0, N);
  const fresh = unary(add(slice(projected, 2 * N, N), linear(multiply(reset, h), candidate!)), 'tanh');
  return mixed<'B N'>(h, fresh as Tensor, slice(gates, N, N));
}

/**
 * A gated recurrent unit over texts, from zeros: what it remembers after each token.
 *
 * @param x `[B, L, E]`
 * @param there `[L]` of `[B][1 or 0]`: a text's own tokens; where there is none it remembers what it did
 * @param backwards from the last token to the first
 * @returns `[B, L, N]`, and what it remembers at the end `[B, N]`. Never throws.
 */
export function gruOver(
  x: Tensor<'B L E'>,
  weights: Weights,
  there: readonly (readonly number[])[],
  { backwards = false }: { readonly backwards?: boolean } = {},
): { readonly all: Tensor<'B L N'>; readonly last: Tensor<'B N'> } {
  const [B, L] = x.shape as [number, number];
  const N = weights.candidate!.shape[0]!;
  const projected = linear(x, weights.input!, { bias: weights['input.bias'] }).reshape([B, L * 3 * N]);
  const after: Tensor[] = new Array<Tensor>(L);
  let h: Tensor<'B N'> = tensor<'B N'>(x.device, new Float32Array(B * N), [B, N]);
  for (let i = 0; i < L; i++) {
    const l = backwards ? L - 1 - i : i;
    const next = gruStep(slice(projected, l * 3 * N, 3 * N), h, weights);
    h = keptWhere(h, next, there[l]!);
    after[l] = h;
  }
  return { all: joined(after).reshape<'B L N'>([B, L, N]), last: h };
}

/** The new rows where a text has a token, and the old ones where it has none. `[B, N]`. Never throws. */
export function keptWhere(old: Tensor, fresh: Tensor, there: readonly number[]): Tensor<'B N'> {
  if (there.every((one) => one === 1)) return fresh as Tensor<'B N'>;
  return mixed<'B N'>(old, fresh, tensor(old.device, [...there], [there.length, 1]));
}

/** `(1 − z) ∘ a + z ∘ b` */
function mixed<Axes extends string>(a: Tensor, b: Tensor, z: Tensor): Tensor<Axes> {
  return add(a, binary(binary(b, a, 'subtract'), z, 'multiply')) as Tensor<Axes>;
}

/** Side by side, in pairs: each number is copied log L times. */
function joined(parts: readonly Tensor[]): Tensor {
  if (parts.length === 1) return parts[0]!;
  const half = Math.ceil(parts.length / 2);
  return concat(joined(parts.slice(0, half)), joined(parts.slice(half)));
}
