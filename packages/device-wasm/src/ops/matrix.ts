import { type LinearGradientParams, type OpCall, sizeOf } from '@headwise/tensor';
import { Format, Kernel, Tile } from '../../assembly/kernel-list.ts';
import { packedBytes, panelBytes, type WasmBuffer } from '../buffer.ts';
import type { Kit, PackedWeight } from '../kit.ts';

interface Product {
  /** Batches of one product each. */
  readonly G: number;
  readonly M: number;
  readonly O: number;
  readonly K: number;
  readonly x: number;
  /** Elements from row to row and from batch to batch. */
  readonly xStrides: readonly [number, number];
  /** x is `[K, M]`: the first stride is from step to step. */
  readonly turned?: boolean;
  readonly w: PackedWeight;
  /** One weight for all batches. */
  readonly shared?: boolean;
  /** 0 for none; `y` adds to what is there, of more rows than one. */
  readonly bias: number;
  readonly y: number;
  readonly yStrides: readonly [number, number];
}

/** `y = x · weightᵀ + bias` */
export function linear(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { transposed } = params as { transposed: boolean };
  const { x, weight, bias } = inputs as Required<typeof inputs>;
  const K = x!.shape.at(-1)!;
  const O = outputs[0]!.shape.at(-1)!;
  const M = sizeOf(outputs[0]!.shape) / O;
  const w = kit.weight(weight!, { G: 1, O, I: K, transposed }, [x, bias]);
  const y = kit.output(outputs[0]!);
  multiply(kit, {
    G: 1,
    M,
    O,
    K,
    w,
    x: kit.rows(x),
    xStrides: [K, 0],
    bias: kit.rows(bias),
    y: y.address,
    yStrides: [O, 0],
  });
  return [y];
}

/** `c[g] = a[g] · b[g]` */
export function matmul(kit: Kit, { inputs, outputs }: OpCall): readonly WasmBuffer[] {
  const a = inputs.a!;
  const b = inputs.b!;
  const [G, M, K] = a.shape as [number, number, number];
  const N = b.shape[2]!;
  const one = b.shape[0] === 1;
  const w = kit.weight(b, { G: b.shape[0]!, O: N, I: K, transposed: true }, [a]);
  const c = kit.output(outputs[0]!);
  // with one b for all, the batches are rows of one product
  const [batches, rows] = one ? [1, G * M] : [G, M];
  multiply(kit, {
    G: batches,
    M: rows,
    O: N,
    K,
    w,
    x: kit.rows(a),
    xStrides: [K, M * K],
    bias: 0,
    y: c.address,
    yStrides: [N, M * N],
  });
  return [c];
}

/** `y[n, h] = x[n, h] · weight[h]ᵀ` */
export function headLinear(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { transposed } = params as { transposed: boolean };
  const x = inputs.x!;
  const [H, I] = x.shape.slice(-2) as [number, number];
  const O = outputs[0]!.shape.at(-1)!;
  const M = sizeOf(outputs[0]!.shape) / (H * O);
  const w = kit.weight(inputs.weight!, { G: H, O, I, transposed }, [x]);
  const y = kit.output(outputs[0]!);
  const x0 = kit.rows(x);
  multiply(kit, {
    G: H,
    M,
    O,
    K: I,
    w,
    x: x0,
    xStrides: [H * I, I],
    bias: 0,
    y: y.address,
    yStrides: [H * O, O],
  });
  return [y];
}

/** Gradients of the weight and the bias of a projection: `dyᵀ · x`, and the sums of the columns of dy */
export function linearGradient(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { transposed, wants } = params as LinearGradientParams;
  const results = outputs.map((output) => kit.output(output));
  const { x, dy } = inputs;
  const O = dy!.shape.at(-1)!;
  const N = O === 0 ? 0 : sizeOf(dy!.shape) / O;
  const of = (name: 'weight' | 'bias'): WasmBuffer | undefined => results[wants.indexOf(name)];
  const [weight, bias] = [of('weight'), of('bias')];
  if (weight) {
    // the rows of the result come from one of them, its columns from the other; the sums go over the rows of both
    const [left, right] = transposed ? [x!, dy!] : [dy!, x!];
    const [M, columns] = [left.shape.at(-1)!, right.shape.at(-1)!];
    // block by block, so that panels are read while they are in the cache
    const whole = Math.max(1, Math.floor(CACHED_PANELS / (4 * columns * depthOf(N))));
    const depth = M === 1 ? N : Math.min(N, whole * depthOf(N));
    const w = {
      address: kit.temporary(
        packedBytes({ G: 1, O: columns, I: depth, transposed: true, format: Format.f32 }),
      ),
      format: Format.f32,
      batchBytes: 0,
    };
    const [from, across] = [kit.rows(left), kit.rows(right)];
    let done = 0;
    do {
      const K = Math.min(depth, N - done);
      const panels = { G: 1, O: columns, I: K, transposed: true, format: Format.f32 } as const;
      kit.pack(across + done * columns * 4, w.address, panels);
      multiply(kit, {
        G: 1,
        M,
        O: columns,
        K,
        x: from + done * M * 4,
        xStrides: [M, 0],
        turned: true,
        w,
        bias: done > 0 ? weight.address : 0,
        y: weight.address,
        yStrides: [columns, 0],
      });
      done += K;
    } while (done < N);
  }
  if (bias) {
    // wide tasks read memory front to back
    const columns = Math.min(1024, Math.ceil(O / kit.engine.threads / 16) * 16);
    const args = [kit.rows(dy), bias.address, N, O, columns];
    kit.launch({
      kernel: Kernel.columnSums,
      args,
      tasks: Math.ceil(O / columns),
      cost: (N * O) / 6,
      scratch: columns * 12,
    });
  }
  return results;
}

/** Bytes of panels that stay in the second cache until they are read: with fewer, more jobs. */
const CACHED_PANELS = 256 * 1024;

/** Bytes of 32 numbers of a row as assembly/dequantize.ts prepares them. */
const PREPARED = 144;

/** Panels that a few rows are multiplied with at once, at most; WIDE of scripts/micro-kernels.mjs. */
const MOST_PANELS = 4;

/** Weights that one task of a matrix-vector product reads, at least and at most: 1 to 4 µs. */
const VECTOR_TASK = [16 * 1024, 48 * 1024] as const;

/** All batches of a product. */
export function multiply(kit: Kit, product: Product): void {
  const { G, M, O, K, x, xStrides, turned = false, w, bias, y, yStrides } = product;
  const panels = Math.ceil(O / 8);
  const integers = kit.engine.activations === 'int8' && w.format >= Format.Q8_0;
  const { rowsPerTask, panelsPerTask, panelTasks } = integers
    ? integerTasks(kit, w.format, G, M, O, K)
    : M === 1
      ? vectorTasks(kit, w.format, O, K)
      : matrixTasks(kit, G, M, panels, K, turned);
  const rowTasks = Math.ceil(M / rowsPerTask);
  // every operation of a model passes here: without spread, an array literal is made at once in its full size
  // biome-ignore format: one line as in assembly/matrix.ts
  const args = [
    x, xStrides[0], xStrides[1], w.address, w.batchBytes, bias, y, yStrides[0], yStrides[1],
    M, O, K, rowsPerTask, panelsPerTask, rowTasks, panelTasks, w.format, depthOf(K), turned ? 1 : 0,
  ];
  const tasks = G * rowTasks * panelTasks;
  if (integers) {
    const scratch = Tile.rows * 32 + rowsPerTask * (K / 32) * ROUNDED;
    kit.launch({ kernel: Kernel.integers, args, tasks, cost: (G * M * O * K) / 24, scratch });
    return;
  }
  kit.launch({
    kernel: Kernel.matrix,
    args,
    tasks,
    cost: M === 1 ? (G * O * K) / 12 : (G * M * O * K) / 20,
    scratch:
      (Tile.rows * Tile.depth + MOST_PANELS * Tile.depth * 8 + 48) * 4 +
      (M === 1 ? 32 + Math.ceil(K / 32) * PREPARED : 0),
  });
}

/** Panels that one row is multiplied with at once, each front to back in a part of the matrix; as assembly/matrix.ts. */
const STREAMS: Readonly<Record<Format, number>> = {
  [Format.f32]: 4,
  [Format.f16]: 2,
  [Format.bf16]: 2,
  [Format.Q8_0]: 1,
  [Format.Q4_0]: 1,
  [Format.Q4_1]: 1,
};

/** As `vectorTask` of assembly/matrix.ts cuts it: panels, or panels of each stream. The order of a sum never changes. */
function vectorTasks(kit: Kit, format: Format, O: number, K: number) {
  const streams = STREAMS[format];
  const panels = streams === 1 ? Math.ceil(O / 8) : Math.floor(O / 8 / streams);
  const weights = 8 * streams * Math.max(1, K);
  const [least, most] = VECTOR_TASK.map((all) => Math.max(1, Math.floor(all / weights)));
  const fair = Math.ceil(panels / (8 * kit.engine.threads));
  const panelsPerTask = Math.min(Math.max(fair, least!), most!);
  return { rowsPerTask: 1, panelsPerTask, panelTasks: Math.max(1, Math.ceil(panels / panelsPerTask)) };
}

/** Parts of the panels that go side by side with x in 8 bits, and bytes of 32 numbers of a row; as assembly/integers.ts. */
const PARTS = 8;
const ROUNDED = 80;

/** As `integerTask` cuts it: panels of each part. */
function integerTasks(kit: Kit, format: Format, G: number, M: number, O: number, K: number) {
  const rowsPerTask = rowsOfTask(M);
  const panels = Math.floor(O / 8 / PARTS);
  const rowTasks = Math.ceil(M / rowsPerTask) * G;
  const fair = Math.ceil(panels / Math.max(1, (8 * kit.engine.threads) / rowTasks));
  const cached = Math.floor((384 * 1024) / (PARTS * Math.max(1, panelBytes(format, K))));
  const least = VECTOR_TASK[0] / (8 * PARTS * M * Math.max(1, K));
  const most = M === 1 ? VECTOR_TASK[1] / (8 * PARTS * Math.max(1, K)) : cached;
  const panelsPerTask = Math.max(1, Math.floor(Math.min(Math.max(fair, least), most)));
  return { rowsPerTask, panelsPerTask, panelTasks: Math.max(1, Math.ceil(panels / panelsPerTask)) };
}

/**
 * Blocks that keep a part of the panels in the second cache, and enough of them to share out evenly; fewer where the depth is
 * long and rows are turned, which every task does again.
 */
function matrixTasks(kit: Kit, G: number, M: number, panels: number, K: number, turned: boolean) {
  const { threads } = kit.engine;
  const rowsPerTask = rowsOfTask(M);
  const rowTasks = Math.ceil(M / rowsPerTask) * G;
  const cached = Math.max(1, Math.floor((384 * 1024) / (32 * depthOf(K))));
  const wanted = threads === 1 ? 1 : Math.ceil((threads * (turned ? 3 : 6)) / rowTasks);
  const panelsPerTask = Math.max(1, Math.min(cached, Math.ceil(panels / wanted)));
  return { rowsPerTask, panelsPerTask, panelTasks: Math.ceil(panels / panelsPerTask) };
}

/** Whole groups of rows, unless that left a few rows for a task of their own. */
function rowsOfTask(M: number): number {
  const tasks = Math.ceil(M / Tile.rows);
  const even = Math.ceil(M / tasks);
  const whole = Math.ceil(even / 12) * 12;
  return tasks === 1 || M - (tasks - 1) * whole >= 12 ? whole : even;
}

/** Equal blocks of depth, a multiple of 32 so that the block formats are cut between blocks. */
function depthOf(K: number): number {
  const blocks = Math.max(1, Math.ceil(K / Tile.depth));
  return Math.max(32, Math.ceil(K / blocks / 32) * 32);
}
