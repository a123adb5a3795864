import type { OpCall } from '@headwise/tensor';
import type { WasmBuffer } from '../buffer.ts';
import type { Kit } from '../kit.ts';
import { multiply } from './matrix.ts';

const BYTES = 4;

/** `y[n, s] = weight_e · x[n, s] + bias_e`: the chosen matrices alone, each with all the rows that chose it at once. */
export function expertLinear(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { experts: X } = params as { experts: number };
  const { x, weight, ids, bias } = inputs as Required<typeof inputs>;
  const [N, S, O] = outputs[0]!.shape as [number, number, number];
  const [, rows, K] = x!.shape as [number, number, number];
  const w = kit.weight(weight!, { G: X, O, I: K, transposed: false }, [x, bias]);
  const from = kit.rows(x);
  const biases = kit.rows(bias);
  const chosen = kit.rows(ids) / BYTES;
  const y = kit.output(outputs[0]!);
  const { heap } = kit.engine;
  kit.onHost('which experts are chosen is read on the host');

  const takers = new Map<number, number[]>();
  for (let slot = 0; slot < N * S; slot++) {
    const expert = heap.views.i32[chosen + slot]!;
    const known = takers.get(expert);
    if (known) known.push(slot);
    else takers.set(expert, [slot]);
  }
  const rowOf = (slot: number): number => from + (rows === 1 ? Math.floor(slot / S) : slot) * K * BYTES;
  const resultOf = (slot: number): number => y.address + slot * O * BYTES;
  for (const [expert, slots] of takers) {
    if (expert < 0 || expert >= X) {
      for (const slot of slots) heap.views.f32.fill(0, resultOf(slot) / BYTES, resultOf(slot) / BYTES + O);
      continue;
    }
    const M = slots.length;
    // one row stands where it is; several are put together, and what comes of them is put where it belongs
    const [source, target] =
      M === 1
        ? [rowOf(slots[0]!), resultOf(slots[0]!)]
        : [kit.temporary(M * K * BYTES), kit.temporary(M * O * BYTES)];
    const copy = (to: number, at: number, length: number): void => {
      heap.views.f32.copyWithin(to / BYTES, at / BYTES, at / BYTES + length);
    };
    if (M > 1) for (const [m, slot] of slots.entries()) copy(source + m * K * BYTES, rowOf(slot), K);
    multiply(kit, {
      G: 1,
      M,
      O,
      K,
      x: source,
      xStrides: [K, 0],
      w: { ...w, address: w.address + expert * w.batchBytes },
      bias: biases === 0 ? 0 : biases + expert * O * BYTES,
      y: target,
      yStrides: [O, 0],
    });
    if (M > 1) for (const [m, slot] of slots.entries()) copy(resultOf(slot), target + m * O * BYTES, O);
  }
  return [y];
}
