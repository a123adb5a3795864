import { sizeOf, withLast } from '../axes.ts';
import type { OutputSpec, ShapedInput } from '../contracts/device.ts';
import { ShapeError, ValueError } from '../errors.ts';
import { defineOp, run } from '../op.ts';
import { scope } from '../scope.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { binary, where } from './broadcast.ts';
import { cast } from './cast.ts';
import { multiply } from './elementwise.ts';
import { reduce } from './reduce.ts';
import { f32, rowsOf } from './rows.ts';
import { unary } from './unary.ts';

type Targets = Tensor<string, 'i32'>;

/** Smoothing of the targets: 0 for none. */
export interface CrossEntropyParams {
  readonly smoothing: number;
}

function check(
  op: string,
  { logits, targets }: { readonly logits: ShapedInput; readonly targets: ShapedInput },
  { smoothing }: CrossEntropyParams,
): OutputSpec {
  const { rows } = rowsOf(op, 'logits', logits);
  if (rows !== sizeOf(targets.shape))
    throw new ShapeError(op, `there must be one target a row, there are ${sizeOf(targets.shape)}`, [
      { name: 'logits', axes: [], shape: logits.shape },
      { name: 'targets', axes: [], shape: targets.shape },
    ]);
  if (!(smoothing >= 0 && smoothing < 1))
    throw new ValueError(op, 'smoothing', 'must be a number from 0 to below 1', smoothing);
  return f32(targets.shape);
}

/**
 * The cross-entropy of each row of logits with the id that was to come, and the log-sum-exp of the row.
 *
 * ```text
 * logits  [..., V]
 * targets [...]        i32; outside 0 … V−1 (−100, −1) the row is ignored: its loss is 0
 * lse     = ln Σ_v exp(logits[v])
 * loss    = (1 − ε) · (lse − logits[target]) + ε · (lse − mean_v logits[v])
 * → loss [...], lse [...]
 * ```
 *
 * Label smoothing ε: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7, with
 * the uniform part over all V as in PyTorch. The way back computes probabilities again from the log-sum-exp; nothing of
 * size `[..., V]` is kept beside the logits.
 */
export const crossEntropyOp = defineOp<{ logits: Tensor; targets: Targets }, CrossEntropyParams>({
  name: 'crossEntropy',
  dtypes: { targets: 'i32' },
  outputs(inputs, params) {
    const each = check('crossEntropy', inputs, params);
    return [each, each];
  },
  reference({ logits, targets }, { smoothing }) {
    const { rows, E: V } = rowsOf('crossEntropy', 'logits', logits);
    const loss = new Float64Array(rows);
    const lse = new Float64Array(rows);
    for (let r = 0; r < rows; r++) {
      let max = -Infinity;
      let total = 0;
      for (let v = 0; v < V; v++) {
        max = Math.max(max, logits.data[r * V + v]!);
        total += logits.data[r * V + v]!;
      }
      let sum = 0;
      for (let v = 0; v < V; v++) sum += Math.exp(logits.data[r * V + v]! - max);
      lse[r] = max + Math.log(sum);
      const target = targets.data[r]!;
      if (target < 0 || target >= V) continue;
      loss[r] = (1 - smoothing) * (lse[r]! - logits.data[r * V + target]!);
      if (smoothing > 0) loss[r]! += smoothing * (lse[r]! - total / V);
    }
    return [loss, lse];
  },
  lower({ logits, targets }, { smoothing }) {
    const V = logits.shape.at(-1)!;
    const number = (value: number): Tensor => tensor(logits.device, [value], []);
    const max = reduce(logits, 'max');
    const powers = unary(binary(logits, max.reshape(withLast(logits.shape, 1)), 'subtract'), 'exp');
    const lse = binary(max, unary(reduce(powers, 'sum'), 'log'), 'add').reshape(targets.shape);
    const ids = cast(targets, 'f32');
    const hit = binary(ids.reshape(withLast(logits.shape, 1)), counted(logits, V), 'equal');
    const own = reduce(where(hit, logits, number(0)), 'sum').reshape(targets.shape);
    let loss = binary(lse, own, 'subtract');
    if (smoothing > 0) {
      const mean = binary(reduce(logits, 'sum'), number(1 / V), 'multiply').reshape(targets.shape);
      const spread = binary(binary(lse, mean, 'subtract'), number(smoothing), 'multiply');
      loss = binary(binary(loss, number(1 - smoothing), 'multiply'), spread, 'add');
    }
    return [where(counting(ids, V, number), loss, number(0)), lse];
  },
  gradient: {
    keeps: () => ['logits', 'targets', 1],
    rule({ inputs: { logits, targets }, params, dy, gradients, result }, ops) {
      const call = { logits, targets, lse: result(1), dy, dlse: gradients[1] };
      return { logits: ops.run('crossEntropyGradient', call, params)[0] };
    },
  },
});

/**
 * The gradient of the logits of `crossEntropy`.
 *
 * ```text
 * logits [..., V], targets [...] i32, lse, dy, dlse [...]
 * p = exp(logits − lse)
 * → [..., V]   dy · (p − (1 − ε) · [v = target] − ε / V)   + dlse · p;   without the first part where ignored
 * ```
 */
export const crossEntropyGradientOp = defineOp<
  { logits: Tensor; targets: Targets; lse: Tensor; dy: Tensor; dlse?: Tensor | undefined },
  CrossEntropyParams
>({
  name: 'crossEntropyGradient',
  dtypes: { targets: 'i32' },
  outputs(inputs, params) {
    check('crossEntropyGradient', inputs, params);
    return [f32(inputs.logits.shape)];
  },
  reference({ logits, targets, lse, dy, dlse }, { smoothing }) {
    const { rows, E: V } = rowsOf('crossEntropyGradient', 'logits', logits);
    const dx = new Float64Array(rows * V); // [..., V]
    for (let r = 0; r < rows; r++) {
      const target = targets.data[r]!;
      const kept = target >= 0 && target < V ? dy.data[r]! : 0;
      for (let v = 0; v < V; v++) {
        const p = Math.exp(logits.data[r * V + v]! - lse.data[r]!);
        const wanted = (v === target ? 1 - smoothing : 0) + smoothing / V;
        dx[r * V + v] = kept * (p - wanted) + (dlse ? dlse.data[r]! * p : 0);
      }
    }
    return [dx];
  },
  lower({ logits, targets, lse, dy, dlse }, { smoothing }) {
    const V = logits.shape.at(-1)!;
    const number = (value: number): Tensor => tensor(logits.device, [value], []);
    const column = (x: Tensor): Tensor => x.reshape(withLast(logits.shape, 1));
    const ids = cast(targets, 'f32');
    const kept = where(counting(ids, V, number), dy, number(0));
    const p = unary(binary(logits, column(lse), 'subtract'), 'exp');
    const hit = binary(column(ids), counted(logits, V), 'equal');
    const hits = smoothing > 0 ? binary(hit, number(1 - smoothing), 'multiply') : hit;
    const wanted = smoothing > 0 ? binary(hits, number(smoothing / V), 'add') : hits;
    const dx = binary(binary(p, wanted, 'subtract'), column(kept), 'multiply');
    return [dlse ? binary(dx, binary(p, column(dlse), 'multiply'), 'add') : dx];
  },
});

/** 0 … V − 1 */
function counted({ device }: Tensor, V: number): Tensor {
  return tensor(
    device,
    Float32Array.from({ length: V }, (_, v) => v),
    [V],
  );
}

/** 1 where an id is one of `0 … V − 1`. */
function counting(ids: Tensor, V: number, number: (value: number) => Tensor): Tensor {
  return multiply(binary(number(-1), ids, 'less'), binary(ids, number(V), 'less'));
}

/**
 * The mean cross-entropy of logits with the ids that were to come, over the rows that are not ignored: the loss of
 * language models. Fused, so that no probabilities are kept.
 *
 * @param logits `[..., V]`
 * @param targets `[...]` i32; outside `0 … V−1` (−100, −1) the row is ignored
 * @param options `smoothing` ε from 0 to below 1: so much of each target is spread over all ids; `reduction`: `mean`
 *   (default), `sum`, both a single number, or `none`, one loss a row
 * @returns `[]`, or `[...]` for `none`; 0 where every row is ignored
 * @throws {ShapeError} if there is not one target a row.
 * @throws {ValueError} if the smoothing is out of range, or the targets are not i32.
 */
export function crossEntropy(
  logits: Tensor,
  targets: Targets,
  {
    smoothing = 0,
    reduction = 'mean',
  }: { readonly smoothing?: number; readonly reduction?: 'mean' | 'sum' | 'none' } = {},
): Tensor {
  return scope(() => {
    const losses = run(crossEntropyOp, { logits, targets }, { smoothing })[0] as Tensor;
    if (reduction === 'none') return losses;
    const flat = losses.reshape([losses.size]);
    const sum = reduce(flat, 'sum');
    if (reduction === 'sum') return sum;
    const number = (value: number): Tensor => tensor(logits.device, [value], []);
    const ids = cast(targets, 'f32').reshape([losses.size]);
    const count = reduce(counting(ids, logits.shape.at(-1)!, number), 'sum');
    return binary(sum, binary(count, number(1), 'maximum'), 'divide');
  });
}
