import { type OpCall, type Operand, type ShapedInput, sizeOf } from '@headwise/tensor';
import { Map as Formula, Kernel, Tile } from '../../assembly/kernel-list.ts';
import type { WasmBuffer } from '../buffer.ts';
import { bits } from '../engine.ts';
import type { Kit } from '../kit.ts';
import { launchMap } from './elementwise.ts';

const BYTES = 4;

/** What the operation is called with; it is declared in `@headwise/attention-variants`. */
interface Params {
  readonly rule: 'linear' | 'gated' | 'delta' | 'gated_delta';
  readonly feature: 'none' | 'elu+1';
  readonly scale: number;
}

/** Linear attention whose state decays or is corrected, token by token. */
export function linearAttention(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { feature, scale } = params as Params;
  const { q, k, v, S, decay, beta } = inputs;
  const [B, L, H, D] = q!.shape as [number, number, number, number];
  const [, , Hkv, Dv] = v!.shape as [number, number, number, number];
  const phi = (x: Operand): number => (feature === 'none' ? kit.rows(x) : mapped(kit, x, Formula.eluPlusOne));
  const results = outputs.map((output) => kit.output(output));
  // biome-ignore format: three lines, as in assembly/recurrence.ts
  const args = [
    phi(q!), phi(k!), kit.rows(v), kit.rows(S), decay ? mapped(kit, decay, Formula.exp) : 0, kit.rows(beta),
    ...results.map(({ address }) => address),
    L, H, Hkv, D, Dv, decay?.shape[3] ?? 0, beta?.shape[2] ?? 0, bits(scale),
  ];
  kit.launch({
    kernel: Kernel.recurrence,
    args,
    tasks: B * Hkv * Math.ceil(Dv / Tile.columns),
    cost: B * D * Dv * (L * (H + Hkv) * 0.15 + Hkv * 0.3),
    scratch: (D + 2) * Tile.columns * BYTES,
  });
  return results;
}

/** A sum of all tokens needs no order: it is made of products. */
export function linearAttentionReasons(
  { q }: Readonly<Record<string, ShapedInput>>,
  params: object,
): readonly string[] {
  if ((params as Params).rule === 'linear')
    return ['the kernel takes a state that decays or is corrected; the rule linear is made of products'];
  return q?.shape[2] === 0 ? ['there are no query heads'] : [];
}

function mapped(kit: Kit, x: Operand, formula: Formula): number {
  const length = sizeOf(x.shape);
  const address = kit.temporary(length * BYTES);
  launchMap(kit, formula, { a: kit.rows(x), y: address, length });
  return address;
}
