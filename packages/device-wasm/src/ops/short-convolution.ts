import type { OpCall } from '@headwise/tensor';
import { Kernel } from '../../assembly/kernel-list.ts';
import type { WasmBuffer } from '../buffer.ts';
import type { Kit } from '../kit.ts';

/** Numbers that one task writes, about. */
const PER_TASK = 65536;

/** Each channel mixed with its own last W tokens, then SiLU, and the rows that the next call needs. */
export function shortConvolution(kit: Kit, { inputs, outputs }: OpCall): readonly WasmBuffer[] {
  const [B, L, C] = inputs.x!.shape as [number, number, number];
  const W = inputs.weight!.shape[1]!;
  const [y, tail] = outputs.map((output) => kit.output(output)) as [WasmBuffer, WasmBuffer];
  const each = Math.max(8, Math.floor(PER_TASK / Math.max(1, C)));
  // without tokens the tail is written all the same
  const tasks = Math.max(1, Math.ceil(L / each));
  // biome-ignore format: two lines, as in assembly/short-convolution.ts
  const args = [
    kit.rows(inputs.x), kit.rows(inputs.tail), kit.rows(inputs.weight), y.address, tail.address, L, C, W,
    each, tasks,
  ];
  const scratch = W * Math.ceil(C / 4) * 16;
  kit.launch({
    kernel: Kernel.shortConvolution,
    args,
    tasks: B * tasks,
    cost: B * L * C * (W / 4 + 1),
    scratch,
  });
  return [y, tail];
}
