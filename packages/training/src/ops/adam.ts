import { binary, defineOp, run, ShapeError, type Tensor, tensor, unary, ValueError } from '@headwise/tensor';

/** Numbers of Adam at a step. */
export interface AdamParams {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** From 1. */
  readonly step: number;
}

/**
 * One step of Adam for one tensor.
 *
 * ```text
 * m' = β₁ m + (1 − β₁) g          v' = β₂ v + (1 − β₂) g²
 * update = m' / (1 − β₁ᵗ) / (√(v' / (1 − β₂ᵗ)) + ε)
 * ```
 *
 * Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
 */
export const adamOp = defineOp<{ gradient: Tensor; m: Tensor; v: Tensor }, AdamParams>({
  name: 'adam',
  outputs({ gradient, m, v }, { beta1, beta2, eps, step }) {
    for (const [name, { shape }] of Object.entries({ m, v }))
      if (String(shape) !== String(gradient.shape))
        throw new ShapeError('adam', `${name} must have the shape of the gradient`, [
          { name: 'gradient', axes: [], shape: gradient.shape },
          { name, axes: [], shape },
        ]);
    for (const [name, beta] of Object.entries({ beta1, beta2 }))
      if (!(beta >= 0 && beta < 1)) throw new ValueError('adam', name, 'must be from 0 to below 1', beta);
    if (!(eps > 0)) throw new ValueError('adam', 'eps', 'must be a number > 0', eps);
    if (!(Number.isSafeInteger(step) && step >= 1))
      throw new ValueError('adam', 'step', 'must be a whole number ≥ 1', step);
    const each = { shape: gradient.shape, dtype: 'f32' } as const;
    return [each, each, each];
  },
  reference({ gradient, m, v }, { beta1, beta2, eps, step }) {
    const size = gradient.data.length;
    const [update, m1, v1] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
    const [whole1, whole2] = [1 - beta1 ** step, 1 - beta2 ** step];
    for (let i = 0; i < size; i++) {
      const g = gradient.data[i]!;
      m1[i] = beta1 * m.data[i]! + (1 - beta1) * g;
      v1[i] = beta2 * v.data[i]! + (1 - beta2) * g * g;
      update[i] = m1[i]! / whole1 / (Math.sqrt(v1[i]! / whole2) + eps);
    }
    return [update, m1, v1];
  },
  lower({ gradient, m, v }, { beta1, beta2, eps, step }) {
    const { device } = gradient;
    const number = (value: number): Tensor => tensor(device, [value], []);
    const times = (x: Tensor, by: number): Tensor => binary(x, number(by), 'multiply');
    const m1 = binary(times(m, beta1), times(gradient, 1 - beta1), 'add');
    const v1 = binary(times(v, beta2), times(binary(gradient, gradient, 'multiply'), 1 - beta2), 'add');
    const root = binary(unary(times(v1, 1 / (1 - beta2 ** step)), 'sqrt'), number(eps), 'add');
    return [binary(times(m1, 1 / (1 - beta1 ** step)), root, 'divide'), m1, v1];
  },
});

/** @throws as the operation's check. */
export function adamStep(
  gradient: Tensor,
  { m, v }: { readonly m: Tensor; readonly v: Tensor },
  params: AdamParams,
): readonly [update: Tensor, m: Tensor, v: Tensor] {
  return run(adamOp, { gradient, m, v }, params) as [Tensor, Tensor, Tensor];
}
