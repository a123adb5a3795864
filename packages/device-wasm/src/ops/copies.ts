import { type OpCall, sizeOf } from '@headwise/tensor';
import { Kernel } from '../../assembly/kernel-list.ts';
import type { WasmBuffer } from '../buffer.ts';
import type { Kit } from '../kit.ts';

interface RowCopy {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly width: number;
  readonly fromStride: number;
  readonly toStride: number;
}

function copyRows(kit: Kit, { from, to, rows, width, fromStride, toStride }: RowCopy): void {
  const each = Math.max(1, Math.floor(16384 / Math.max(1, width)));
  const args = [from, to, rows, width, fromStride, toStride, each];
  kit.launch({ kernel: Kernel.rows, args, tasks: Math.ceil(rows / each), cost: rows * (width / 4 + 10) });
}

/** `x[..., start : start + width]` */
export function slice(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { start, width } = params as { start: number; width: number };
  const E = inputs.x!.shape.at(-1)!;
  const y = kit.output(outputs[0]!);
  const rows = sizeOf(inputs.x!.shape) / E;
  const from = kit.rows(inputs.x) + start * 4;
  copyRows(kit, { from, to: y.address, rows, width, fromStride: E, toStride: width });
  return [y];
}

/** `[a, b]` along the last axis */
export function concat(kit: Kit, { inputs, outputs }: OpCall): readonly WasmBuffer[] {
  const Ea = inputs.a!.shape.at(-1)!;
  const Eb = inputs.b!.shape.at(-1)!;
  const E = Ea + Eb;
  const rows = sizeOf(inputs.a!.shape.slice(0, -1));
  const y = kit.output(outputs[0]!);
  copyRows(kit, { from: kit.rows(inputs.a), to: y.address, rows, width: Ea, fromStride: Ea, toStride: E });
  copyRows(kit, {
    from: kit.rows(inputs.b),
    to: y.address + Ea * 4,
    rows,
    width: Eb,
    fromStride: Eb,
    toStride: E,
  });
  return [y];
}

/** Rows of a table by id; reads a table that is stored as a weight too. */
export function gather(kit: Kit, { inputs, outputs }: OpCall): readonly WasmBuffer[] {
  const [V, E] = inputs.table!.shape as [number, number];
  const count = sizeOf(inputs.ids!.shape);
  const ids = kit.rows(inputs.ids);
  kit.engine.recorder?.bound(ids, count, V - 1);
  const y = kit.output(outputs[0]!);
  const table = kit.either(inputs.table!);
  const { panels } = table;
  const asWeight = panels !== undefined && !panels.transposed && panels.O === V && panels.I === E;
  const address = asWeight ? table.address : kit.rows(inputs.table);
  const each = Math.max(1, Math.floor(8192 / Math.max(1, E)));
  const args = [address, ids, y.address, count, V, E, asWeight ? 1 : 0, asWeight ? panels.format : 0, each];
  kit.launch({ kernel: Kernel.gather, args, tasks: Math.ceil(count / each), cost: count * E });
  return [y];
}
