import { add, binary, silu, type Tensor, tensor } from '@headwise/tensor';

/**
 * The gate of gpt-oss: both halves are clamped, and the other one is shifted by 1, so that it lets pass what is near 0.
 *
 * ```text
 * g = min(gate, limit)      u = clamp(up, −limit, limit)      g · σ(alpha · g) · (u + 1)
 * ```
 *
 * OpenAI 2025, "gpt-oss-120b & gpt-oss-20b Model Card", section 2.1. Never throws.
 */
export function clampedSwiglu({ alpha, limit }: { readonly alpha: number; readonly limit: number }) {
  return <Axes extends string>(gate: Tensor<Axes>, up: Tensor<Axes>): Tensor<Axes> => {
    const number = (value: number): Tensor => tensor(gate.device, [value], []);
    const clamped = binary<Axes>(binary(up, number(limit), 'minimum'), number(-limit), 'maximum');
    const passed = silu(binary<Axes>(gate, number(limit), 'minimum'), { alpha });
    return binary<Axes>(passed, add(clamped, number(1)), 'multiply');
  };
}
