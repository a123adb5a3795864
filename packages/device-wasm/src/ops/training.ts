import { type OpCall, sizeOf } from '@headwise/tensor';
import { Kernel } from '../../assembly/kernel-list.ts';
import type { WasmBuffer } from '../buffer.ts';
import { bits } from '../engine.ts';
import type { Kit } from '../kit.ts';

/** Elements that one task of a row-wise kernel works on, about. */
const PER_TASK = 8192;
/** Most tasks whose sums are put together here. */
const MOST_SUMS = 64;

/** Gradients of LayerNorm and RMSNorm */
export function normGradient(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { eps, centred, wants } = params as { eps: number; centred: boolean; wants: readonly string[] };
  const E = inputs.x!.shape.at(-1)!;
  const rows = sizeOf(inputs.x!.shape) / E;
  const results = outputs.map((output) => kit.output(output));
  const each = Math.max(1, Math.floor(PER_TASK / E), Math.ceil(rows / MOST_SUMS));
  const tasks = Math.ceil(rows / each);
  const sums = (name: string): number => (wants.includes(name) ? kit.temporary(tasks * E * 4) : 0);
  const partial = { weight: sums('weight'), bias: sums('bias') };
  const dx = wants.includes('x') ? results[wants.indexOf('x')]!.address : 0;
  // biome-ignore format: three lines, as in assembly/norm-gradient.ts
  const args = [
    kit.rows(inputs.x), kit.rows(inputs.weight), kit.rows(inputs.dy),
    dx, partial.weight, partial.bias,
    rows, E, bits(eps), centred ? 1 : 0, each,
  ];
  kit.launch({ kernel: Kernel.normGradient, args, tasks, cost: rows * E * 2 });
  const { f32 } = kit.engine.heap.views;
  kit.onHost('sums are put together on the host');
  for (const name of ['weight', 'bias'] as const) {
    if (partial[name] === 0) continue;
    const [from, to] = [partial[name] / 4, results[wants.indexOf(name)]!.address / 4];
    for (let e = 0; e < E; e++) {
      let sum = 0;
      for (let task = 0; task < tasks; task++) sum += f32[from + task * E + e]!;
      f32[to + e] = sum;
    }
  }
  return results;
}

/** The loss of each row, and its log-sum-exp */
export function crossEntropy(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const [loss, lse] = outputs.map((output) => kit.output(output)) as [WasmBuffer, WasmBuffer];
  launchRows(kit, Kernel.crossEntropy, { inputs, params }, loss.address, lse.address);
  return [loss, lse];
}

/** The gradient of the logits of `crossEntropy` */
export function crossEntropyGradient(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const dx = kit.output(outputs[0]!);
  const { lse, dy, dlse } = inputs;
  launchRows(kit, Kernel.crossEntropyGradient, { inputs, params }, dx.address, kit.rows(lse), [
    kit.rows(dy),
    kit.rows(dlse),
  ]);
  return [dx];
}

function launchRows(
  kit: Kit,
  kernel: Kernel,
  { inputs, params }: Pick<OpCall, 'inputs' | 'params'>,
  result: number,
  lse: number,
  back: readonly number[] = [],
): void {
  const { smoothing } = params as { smoothing: number };
  const { logits, targets } = inputs;
  const V = logits!.shape.at(-1)!;
  const rows = sizeOf(logits!.shape) / V;
  const each = Math.max(1, Math.floor(PER_TASK / V));
  const args = [kit.rows(logits), kit.rows(targets), result, lse, rows, V, bits(smoothing), each, ...back];
  kit.launch({ kernel, args, tasks: Math.ceil(rows / each), cost: rows * V * 2 });
}

/** The update of Adam, and what it keeps; the operation is declared in `@headwise/training`. */
export function adam(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { beta1, beta2, eps, step } = params as Record<'beta1' | 'beta2' | 'eps' | 'step', number>;
  const results = outputs.map((output) => kit.output(output));
  const length = sizeOf(outputs[0]!.shape);
  // biome-ignore format: three lines, as in assembly/adam.ts
  const args = [
    kit.rows(inputs.gradient), kit.rows(inputs.m), kit.rows(inputs.v),
    ...results.map(({ address }) => address), length, PER_TASK,
    ...[beta1, 1 - beta1, beta2, 1 - beta2, 1 / (1 - beta1 ** step), 1 / (1 - beta2 ** step), eps].map(bits),
  ];
  kit.launch({ kernel: Kernel.adam, args, tasks: Math.ceil(length / PER_TASK), cost: length });
  return results;
}
