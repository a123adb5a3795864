import { type OpCall, sizeOf } from '@headwise/tensor';
import { Kernel } from '../../assembly/kernel-list.ts';
import type { WasmBuffer } from '../buffer.ts';
import { bits } from '../engine.ts';
import type { Kit } from '../kit.ts';

/** Elements that one task of a row-wise kernel works on, about. */
const PER_TASK = 8192;

function rowsPerTask(E: number): number {
  return Math.max(1, Math.floor(PER_TASK / Math.max(1, E)));
}

/** `y = x / √(mean(x²) + eps) · weight` */
export function rmsNorm(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  return norm(kit, call, false);
}

/** `y = (x − mean) / √(variance + eps) · weight + bias` */
export function layerNorm(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  return norm(kit, call, true);
}

function norm(kit: Kit, { inputs, params, outputs }: OpCall, centred: boolean): readonly WasmBuffer[] {
  const x = inputs.x!;
  const E = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / E;
  const results = outputs.map((output) => kit.output(output));
  const [y, means, inverses] = results;
  const each = rowsPerTask(E);
  // biome-ignore format: three lines, as in assembly/rowwise.ts
  const args = [
    kit.rows(x), kit.rows(inputs.weight), kit.rows(inputs.bias),
    y!.address, means?.address ?? 0, inverses?.address ?? 0,
    rows, E, bits((params as { eps: number }).eps), centred ? 1 : 0, each,
  ];
  kit.launch({ kernel: Kernel.norm, args, tasks: Math.ceil(rows / each), cost: rows * E });
  return results;
}

/** `y = exp(x − max) / Σ exp(x − max)` */
export function softmax(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  return softmaxRows(kit, call, false);
}

/** `y = x − max − ln Σ exp(x − max)` */
export function logSoftmax(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  return softmaxRows(kit, call, true);
}

function softmaxRows(kit: Kit, { inputs, outputs }: OpCall, logarithm: boolean): readonly WasmBuffer[] {
  const x = inputs.x!;
  const E = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / E;
  const y = kit.output(outputs[0]!);
  const each = rowsPerTask(E);
  const args = [kit.rows(x), y.address, rows, E, logarithm ? 1 : 0, each];
  kit.launch({ kernel: Kernel.softmax, args, tasks: Math.ceil(rows / each), cost: rows * E * 2 });
  return [y];
}

/** Turns the pairs of each head by the angle of its position. */
export function rotary(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { layout } = params as { layout: 'half' | 'interleaved' };
  const [B, L, H, D] = inputs.x!.shape as [number, number, number, number];
  const [N, half] = inputs.cos!.shape as [number, number];
  const y = kit.output(outputs[0]!);
  const each = rowsPerTask(H * D);
  // beyond the tables there are others, which whoever calls makes
  kit.engine.recorder?.bound(kit.rows(inputs.positions), sizeOf(inputs.positions!.shape), N - 1);
  // biome-ignore format: three lines, as in assembly/rowwise.ts
  const args = [
    kit.rows(inputs.x), kit.rows(inputs.cos), kit.rows(inputs.sin), kit.rows(inputs.positions), y.address,
    B * L, L, H, D, half, N,
    inputs.positions!.shape[0] === 1 ? 0 : L, layout === 'interleaved' ? 1 : 0, each,
  ];
  kit.launch({ kernel: Kernel.rotary, args, tasks: Math.ceil((B * L) / each), cost: B * L * H * D });
  return [y];
}

/** The index of the largest of each row. */
export function argmax(kit: Kit, { inputs, outputs }: OpCall): readonly WasmBuffer[] {
  const E = inputs.x!.shape.at(-1)!;
  const rows = sizeOf(inputs.x!.shape) / E;
  const y = kit.output(outputs[0]!);
  kit.launch({
    kernel: Kernel.argmax,
    args: [kit.rows(inputs.x), y.address, E],
    tasks: rows,
    cost: rows * E,
  });
  return [y];
}

/** The k best of each row, and where they stood. */
export function topK(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { k, largest } = params as { k: number; largest: boolean };
  const E = inputs.x!.shape.at(-1)!;
  const rows = sizeOf(inputs.x!.shape) / E;
  const [values, indices] = outputs.map((output) => kit.output(output)) as [WasmBuffer, WasmBuffer];
  const args = [kit.rows(inputs.x), values.address, indices.address, E, k, largest ? 1 : 0];
  kit.launch({ kernel: Kernel.topK, args, tasks: rows, cost: rows * (E * 2 + k * 20) });
  return [values, indices];
}
