import type { AttentionGradientParams, AttentionWanted, OpCall } from '@headwise/tensor';
import { Kernel, Tile } from '../../assembly/kernel-list.ts';
import type { WasmBuffer } from '../buffer.ts';
import type { Kit } from '../kit.ts';
import { atCursor, commonArguments, type Shape, shapeOf } from './attention.ts';

/** Why the kernel cannot compute these gradients, which are then composed. */
export function gradientReasons(params: object): readonly string[] {
  const { wants, modifiers = [] } = params as Partial<AttentionGradientParams>;
  const bias = wants?.includes('bias') ? ['the gradient of a bias is composed'] : [];
  return [...modifiers.map(({ kind }) => `a ${kind} modifier is user code, which has no gradient`), ...bias];
}

/** Gradients of fused attention, from its output and log-sum-exp. */
export function attentionGradient(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  const { inputs, outputs } = call;
  const params = atCursor(kit, call) as AttentionGradientParams;
  const shape = shapeOf(call, params);
  const { B, Lq, H, D, Lk, Hkv, Dw, Dv, n } = shape;
  const [results, place] = placesOf(kit, params, outputs);
  const [blocks, up] = [Math.ceil(Lq / Tile.keys), (width: number): number => Math.ceil(width / 8) * 8];
  // the last group of rows may reach beyond the last block
  const rows = blocks * Tile.keys + 8;
  const dq = kit.temporary(B * H * rows * up(D) * 4);
  const perHead = (wanted: boolean): number => (wanted ? kit.temporary(B * H * 4) : 0);
  const partial = {
    slopes: perHead(params.wants.includes('slopes')),
    sinks: perHead(params.wants.includes('sinks')),
  };
  const [q, dy] = [kit.rows(inputs.q), kit.rows(inputs.dy)];
  const delta = kit.temporary(B * H * Lq * 4);
  const first = pack(kit, shape, blocks, [q, D], [dy, Dv]);
  const second = pack(kit, shape, blocks, [dy, Dv], [q, D]);
  const dk = place('k', B * Lk * Hkv * D);
  const dv = place('v', B * Lk * Hkv * Dw);
  const { u8, f32 } = kit.engine.heap.views;
  kit.onHost('sums are put together on the host');
  // keys that no query may see, and columns of v that are no value
  if (n < Lk) u8.fill(0, dk, dk + B * Lk * Hkv * D * 4);
  if (n < Lk || Dv < Dw) u8.fill(0, dv, dv + B * Lk * Hkv * Dw * 4);
  const args = [
    ...commonArguments(kit, call, params, shape, 0, kit.rows(inputs.lse)),
    ...[first.panels, first.columns, 0, blocks, second.panels, second.columns, delta, dq],
    ...[place('q', B * Lq * H * D), dk, dv, partial.slopes, partial.sinks],
    ...[dy, kit.rows(inputs.y), kit.rows(inputs.dlse), rows],
  ];
  kit.launch({ kernel: Kernel.attentionDelta, args, tasks: B * H, cost: B * H * Lq * Dv });
  kit.launch({
    kernel: Kernel.attentionGradient,
    args,
    tasks: B * Hkv,
    cost: (B * H * Lq * n * (3 * D + 2 * Dv)) / 20,
    scratch: scratchOf(D, Dv),
  });
  for (const name of ['slopes', 'sinks'] as const) {
    if (partial[name] === 0) continue;
    const [from, to] = [partial[name] / 4, place(name, H) / 4];
    for (let h = 0; h < H; h++) {
      let sum = 0;
      for (let b = 0; b < B; b++) sum += f32[from + b * H + h]!;
      f32[to + h] = sum;
    }
  }
  return results;
}

/** The results in order, and where to put the gradient of an argument: nowhere that lasts where it is not wanted. */
function placesOf(
  kit: Kit,
  { wants }: AttentionGradientParams,
  outputs: OpCall['outputs'],
): readonly [readonly WasmBuffer[], (name: AttentionWanted, size: number) => number] {
  const results = outputs.map((output) => kit.output(output));
  return [
    results,
    (name, size) => (wants.includes(name) ? results[wants.indexOf(name)]!.address : kit.temporary(size * 4)),
  ];
}

type Rows = readonly [address: number, width: number];

/** Rows `[B, Lq, H, width]` by blocks: the first as panels of 8 rows, the second as panels of 8 columns. */
function pack(
  kit: Kit,
  { B, Lq, H }: Shape,
  blocks: number,
  [left, D]: Rows,
  [right, Dv]: Rows,
): { readonly panels: number; readonly columns: number } {
  const tasks = B * H * blocks;
  const panels = kit.temporary(tasks * Tile.keys * D * 4);
  const columns = kit.temporary(tasks * Tile.keys * Math.ceil(Dv / 8) * 32);
  const args = new Array<number>(42).fill(0);
  const set = (from: number, ...values: readonly number[]): void => {
    args.splice(from, values.length, ...values);
  };
  set(1, left, right);
  set(5, B, Lq, H, D, Lq, H, Dv, Dv, Lq);
  set(34, D * 4, Dv * 4);
  set(38, panels, columns, kit.temporary(tasks * 4), blocks);
  kit.launch({ kernel: Kernel.attentionPack, args, tasks, cost: tasks * Tile.keys * (D + Dv) });
  return { panels, columns };
}

/** Bytes of working memory of a task: see `attentionGradientTask`; 66 rows where the micro-kernel takes 6. */
function scratchOf(D: number, Dv: number): number {
  const up = (width: number): number => Math.ceil(width / 8) * 8;
  const padded = Tile.keys + 8;
  const matrices = padded * (D + Dv) + Tile.keys * up(D) + 3 * padded * Tile.keys + padded * (up(D) + up(Dv));
  return (matrices + 5 * Tile.keys) * 4;
}
