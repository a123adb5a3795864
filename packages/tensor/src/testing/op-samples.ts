import type { DType, Op } from '../contracts/device.ts';
import { activationGradientOp } from '../ops/activation-gradient.ts';
import { attentionOp } from '../ops/attention.ts';
import { attentionGradientOp } from '../ops/attention-gradient.ts';
import { binaryOp, whereOp } from '../ops/broadcast.ts';
import { castOp } from '../ops/cast.ts';
import { crossEntropyGradientOp, crossEntropyOp } from '../ops/cross-entropy.ts';
import { addOp, gatedOp, geluOp, multiplyOp, reluOp, siluOp } from '../ops/elementwise.ts';
import { expertLinearOp } from '../ops/expert-linear.ts';
import { gatherOp } from '../ops/gather.ts';
import { headLinearOp } from '../ops/head-linear.ts';
import { linearOp } from '../ops/linear.ts';
import { linearGradientOp } from '../ops/linear-gradient.ts';
import { matmulOp } from '../ops/matmul.ts';
import { reshapeOp, storeRowsOp, writeOp } from '../ops/memory.ts';
import { layerNormOp, rmsNormOp } from '../ops/norm.ts';
import { normGradientOp } from '../ops/norm-gradient.ts';
import { permuteOp } from '../ops/permute.ts';
import { argmaxOp, topKOp } from '../ops/rank.ts';
import { reduceOp } from '../ops/reduce.ts';
import { rotaryOp } from '../ops/rotary.ts';
import { scatterAddOp } from '../ops/scatter-add.ts';
import { concatOp, sliceOp } from '../ops/slices.ts';
import { logSoftmaxOp, softmaxOp } from '../ops/softmax.ts';
import { unaryOp } from '../ops/unary.ts';

/** One call of an operation with every argument that it knows, as shapes. */
export interface OpSample {
  readonly op: Op;
  readonly inputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly dtype: DType }>>;
  readonly params: object;
}

const f32 = (...shape: number[]) => ({ shape, dtype: 'f32' as const });
const i32 = (...shape: number[]) => ({ shape, dtype: 'i32' as const });

const sample = (op: Op, inputs: OpSample['inputs'], params: object = {}): OpSample => ({
  op,
  inputs,
  params,
});

const attention = sample(
  attentionOp,
  {
    q: f32(1, 2, 2, 4),
    k: f32(1, 3, 1, 4),
    v: f32(1, 3, 1, 4),
    bias: f32(1, 1, 2, 3),
    slopes: f32(2),
    sinks: f32(2),
    queryPositions: i32(1, 2),
    keyPositions: i32(1, 3),
    keyUntil: i32(1, 3),
    cursor: i32(2),
  },
  {
    scale: 1,
    causal: true,
    prefix: 0,
    segment: 0,
    anchors: false,
    offset: 0,
    before: Infinity,
    after: Infinity,
    sinkTokens: 0,
    softcap: 0,
    valid: 3,
    Dv: 4,
    modifiers: [],
    extras: [],
  },
);

/** Every operation of this package once: for laws that hold of all of them. */
export const opSamples: readonly OpSample[] = [
  sample(addOp, { a: f32(2, 3), b: f32(3) }, { scale: 1 }),
  sample(multiplyOp, { a: f32(2, 3), b: f32(3) }),
  sample(siluOp, { x: f32(4) }, { alpha: 1 }),
  sample(geluOp, { x: f32(4) }, { kind: 'exact' }),
  sample(reluOp, { x: f32(4) }),
  sample(gatedOp, { gate: f32(2, 3), up: f32(2, 3) }, { kind: 'silu' }),
  sample(unaryOp, { x: f32(4) }, { kind: 'exp' }),
  sample(binaryOp, { a: f32(2, 3), b: f32(2, 1) }, { kind: 'less' }),
  sample(whereOp, { condition: f32(2, 3), a: f32(2, 3), b: f32(1) }),
  sample(castOp, { x: f32(4) }, { dtype: 'i32' }),
  sample(permuteOp, { x: f32(2, 3) }, { axes: [1, 0] }),
  sample(reduceOp, { x: f32(2, 3) }, { kind: 'sum' }),
  sample(scatterAddOp, { rows: f32(2, 3), ids: i32(2) }, { V: 4 }),
  sample(linearOp, { x: f32(2, 3), weight: f32(4, 3), bias: f32(4) }, { transposed: false }),
  sample(matmulOp, { a: f32(1, 2, 3), b: f32(1, 3, 2) }),
  sample(headLinearOp, { x: f32(1, 2, 3), weight: f32(2, 4, 3) }, { transposed: false }),
  sample(
    expertLinearOp,
    { x: f32(2, 1, 3), weight: f32(8, 3), ids: i32(2, 2), bias: f32(4, 2) },
    { experts: 4 },
  ),
  sample(gatherOp, { table: f32(5, 3), ids: i32(2) }),
  sample(rmsNormOp, { x: f32(2, 3), weight: f32(3) }, { eps: 1e-5 }),
  sample(layerNormOp, { x: f32(2, 3), weight: f32(3), bias: f32(3) }, { eps: 1e-5, statistics: false }),
  sample(softmaxOp, { x: f32(2, 3) }),
  sample(logSoftmaxOp, { x: f32(2, 3) }),
  sample(argmaxOp, { x: f32(2, 3) }),
  sample(topKOp, { x: f32(2, 3) }, { k: 2, largest: true }),
  sample(
    rotaryOp,
    { x: f32(1, 2, 1, 4), cos: f32(3, 2), sin: f32(3, 2), positions: i32(1, 2) },
    { layout: 'half' },
  ),
  sample(sliceOp, { x: f32(2, 3) }, { start: 1, width: 2 }),
  sample(concatOp, { a: f32(2, 3), b: f32(2, 1) }),
  sample(reshapeOp, { x: f32(2, 3) }, { shape: [6] }),
  sample(writeOp, { target: f32(4), source: f32(2) }, { offset: 1, sourceOffset: 0, length: 2 }),
  sample(storeRowsOp, { target: f32(1, 4, 3), rows: f32(1, 2, 3), slots: i32(1, 2) }),
  sample(
    normGradientOp,
    { x: f32(2, 3), weight: f32(3), dy: f32(2, 3) },
    { eps: 1e-5, centred: true, wants: ['x', 'weight', 'bias'] },
  ),
  sample(linearGradientOp, { x: f32(2, 3), dy: f32(2, 4) }, { transposed: false, wants: ['weight', 'bias'] }),
  sample(activationGradientOp, { x: f32(4), dy: f32(4) }, { kind: 'silu', alpha: 1 }),
  sample(crossEntropyOp, { logits: f32(2, 3), targets: i32(2) }, { smoothing: 0 }),
  sample(
    crossEntropyGradientOp,
    { logits: f32(2, 3), targets: i32(2), lse: f32(2), dy: f32(2), dlse: f32(2) },
    { smoothing: 0 },
  ),
  attention,
  sample(
    attentionGradientOp,
    { ...attention.inputs, y: f32(1, 2, 2, 4), lse: f32(1, 2, 2), dy: f32(1, 2, 2, 4), dlse: f32(1, 2, 2) },
    { ...attention.params, wants: ['q', 'k', 'v', 'slopes', 'sinks'] },
  ),
];
