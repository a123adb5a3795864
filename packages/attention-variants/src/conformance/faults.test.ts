import { createReference, defineOp, type HostArray, run, stopGradient, type Tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import groupedGolden from '../../golden/grouped-query.json' with { type: 'json' };
import headGolden from '../../golden/multi-head.json' with { type: 'json' };
import windowGolden from '../../golden/sliding-window.json' with { type: 'json' };
import cappedGolden from '../../golden/soft-capped.json' with { type: 'json' };
import { checkLayerCall } from '../checks.ts';
import { resolveOptions } from '../configure.ts';
import type { AttentionVariant } from '../contract.ts';
import { groupedQuery } from '../variants/grouped-query.ts';
import { multiHead } from '../variants/multi-head.ts';
import { slidingWindow } from '../variants/sliding-window.ts';
import { softCapped } from '../variants/soft-capped.ts';
import { mergeHeads, project, splitHeads } from '../wiring.ts';
import { type GoldenFile, goldenCases, runGolden } from './golden.ts';
import { type LawName, laws } from './laws.ts';
import { Probe } from './probe.ts';

type Fault =
  | 'wrong scale'
  | 'wrong head map'
  | 'mask off by one'
  | 'lost max-shift'
  | 'mask missing on head 1'
  | 'bias ignored'
  | 'state off by one'
  | 'window one too wide'
  | 'hidden values summed with weight 0'
  | 'input overwritten'
  | 'temporary kept'
  | 'scale option ignored'
  | 'pairs of the whole square'
  | 'options unchecked'
  | GradientFault;

/** What goes wrong on the way back only. */
type GradientFault =
  | 'back: wrong scale'
  | 'back: mask forgotten'
  | 'back: last head of a group only'
  | 'back: softcap forgotten'
  | 'back: gradient of the state missing'
  | 'back: no row sum';

interface Params {
  readonly fault: Fault | undefined;
  readonly scale: number | undefined;
  readonly causal: boolean;
  readonly before: number;
  readonly softcap: number;
  readonly offset: number;
  readonly valid: number;
}

type Inputs = {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly bias?: Tensor | undefined;
  readonly slopes?: Tensor | undefined;
  readonly queryPositions?: Tensor<string, 'i32'> | undefined;
  readonly keyPositions?: Tensor<string, 'i32'> | undefined;
};

/** Attention written once more, apart from the executor, with a place for every fault. */
const plainAttention = defineOp<Inputs, Params>({
  name: 'plainAttention',
  dtypes: { queryPositions: 'i32', keyPositions: 'i32' },
  outputs({ q, k, v }) {
    // the shapes are checked by the operation that this one stands for
    const [B, Lq, H] = q.shape as [number, number, number];
    return [
      { shape: [B, Lq, H, v.shape[3]!], dtype: 'f32' },
      { shape: [B, H, Lq, k.shape[1]!], dtype: 'f32' },
      { shape: [B, H, Lq], dtype: 'f32' },
    ];
  },
  reference: (inputs, params) => {
    const [B, Lq, H] = inputs.q.shape as [number, number, number];
    const [, Lk, , Dv] = inputs.v.shape as [number, number, number, number];
    const out = new Float64Array(B * Lq * H * Dv);
    const weights = new Float64Array(B * H * Lq * Lk);
    const lse = new Float64Array(B * H * Lq);
    for (let b = 0; b < B; b++)
      for (let h = 0; h < H; h++)
        for (let i = 0; i < Lq; i++) oneRow(inputs, params, { b, h, i }, out, weights, lse);
    if (params.fault === 'input overwritten') (inputs.q.data as Float64Array)[0]! += 1;
    return [out, weights, lse];
  },
  gradient: {
    keeps: () => ['q', 'k', 'v', 'bias', 'slopes', 'queryPositions', 'keyPositions', 1],
    rule({ inputs, params, dy, result }) {
      const [q, k, v] = run(
        plainGradient,
        { ...inputs, weights: result(1) as Tensor, dy: dy as Tensor },
        params,
      );
      return { q, k, v };
    },
  },
});

/** The way back, written once more: from the weights, which the real one does not keep. */
const plainGradient = defineOp<Inputs & { readonly weights: Tensor; readonly dy: Tensor }, Params>({
  name: 'plainGradient',
  dtypes: { queryPositions: 'i32', keyPositions: 'i32' },
  outputs: ({ q, k, v }) => [q, k, v].map(({ shape }) => ({ shape, dtype: 'f32' as const })),
  reference({ q, k, v, weights, dy }, { fault, scale, softcap }) {
    const [B, Lq, H, D] = q.shape as [number, number, number, number];
    const [, Lk, Hkv, Dv] = v.shape as [number, number, number, number];
    const [dq, dk, dv] = [q, k, v].map(({ data }) => new Float64Array(data.length)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const G = H / Hkv;
    const factor = scale ?? 1 / Math.sqrt(D);
    for (let row = 0; row < B * H * Lq; row++) {
      const [i, h, b] = [row % Lq, Math.floor(row / Lq) % H, Math.floor(row / (Lq * H))];
      const qAt = ((b * Lq + i) * H + h) * D;
      const yAt = ((b * Lq + i) * H + h) * Dv;
      const kAt = (j: number, width: number): number => ((b * Lk + j) * Hkv + Math.floor(h / G)) * width;
      const dots = (x: HostArray, at: number, y: HostArray, from: number, width: number): number => {
        let sum = 0;
        for (let d = 0; d < width; d++) sum += x.data[at + d]! * y.data[from + d]!;
        return sum;
      };
      const dp = Array.from({ length: Lk }, (_, j) => dots(dy, yAt, v, kAt(j, Dv), Dv));
      const p = (j: number): number => weights.data[row * Lk + j]!;
      const mean = fault === 'back: no row sum' ? 0 : dp.reduce((sum, each, j) => sum + p(j) * each, 0);
      const left = fault === 'back: last head of a group only' && h % G < G - 1;
      for (let j = 0; j < Lk; j++) {
        // a hidden key has the weight 0, which a forgotten mask takes for a small one
        const weight = fault === 'back: mask forgotten' && p(j) === 0 ? 1 / Lk : p(j);
        let ds = weight * (dp[j]! - mean) * (fault === 'back: wrong scale' ? 1 / D : factor);
        if (softcap > 0 && fault !== 'back: softcap forgotten')
          ds *= 1 - Math.tanh((dots(q, qAt, k, kAt(j, D), D) * factor) / softcap) ** 2;
        for (let d = 0; d < D; d++) dq[qAt + d]! += ds * k.data[kAt(j, D) + d]!;
        if (left) continue;
        for (let d = 0; d < D; d++) dk[kAt(j, D) + d]! += ds * q.data[qAt + d]!;
        for (let e = 0; e < Dv; e++) dv[kAt(j, Dv) + e]! += weight * dy.data[yAt + e]!;
      }
    }
    return [dq, dk, dv];
  },
});

function oneRow(
  { q, k, v, bias, slopes, queryPositions, keyPositions }: { readonly [K in keyof Inputs]: HostArray },
  { fault, scale, causal, before, softcap, offset, valid }: Params,
  { b, h, i }: { readonly b: number; readonly h: number; readonly i: number },
  out: Float64Array,
  weights: Float64Array,
  lse: Float64Array,
): void {
  const [, Lq, H, D] = q.shape as [number, number, number, number];
  const [, Lk, Hkv, Dv] = v.shape as [number, number, number, number];
  const g = fault === 'wrong head map' ? h % Hkv : Math.floor((h * Hkv) / H);
  const factor = scale ?? (fault === 'wrong scale' ? 1 / D : 1 / Math.sqrt(D));
  const row = (b * H + h) * Lq + i;
  const position = queryPositions
    ? queryPositions.data[(queryPositions.shape[0] === 1 ? 0 : b) * Lq + i]!
    : offset + i;
  const scores = Array.from({ length: Lk }, (_, j) => {
    const at = keyPositions ? keyPositions.data[(keyPositions.shape[0] === 1 ? 0 : b) * Lk + j]! : j;
    const last = fault === 'mask off by one' ? position + 1 : position;
    const hidden = causal && at > last && !(fault === 'mask missing on head 1' && h === 1);
    const wide = fault === 'window one too wide' ? 1 : 0;
    if (j >= valid || at < 0 || hidden || Math.abs(position - at) > before + wide) return -Infinity;
    let score = 0;
    for (let d = 0; d < D; d++)
      score += q.data[((b * Lq + i) * H + h) * D + d]! * k.data[((b * Lk + j) * Hkv + g) * D + d]!;
    score *= factor;
    if (softcap > 0) score = softcap * Math.tanh(score / softcap);
    if (slopes) score -= slopes.data[h]! * Math.abs(position - at);
    if (bias && fault !== 'bias ignored') {
      const [B, heads] = bias.shape as [number, number];
      score += bias.data[(((B === 1 ? 0 : b) * heads + (heads === 1 ? 0 : h)) * Lq + i) * Lk + j]!;
    }
    return score;
  });
  const max = fault === 'lost max-shift' ? 0 : Math.max(...scores);
  if (scores.every((score) => score === -Infinity)) {
    lse[row] = -Infinity;
    return;
  }
  const exps = scores.map((score) => (score === -Infinity ? 0 : Math.exp(score - max)));
  const sum = exps.reduce((a, c) => a + c, 0);
  lse[row] = max + Math.log(sum);
  exps.forEach((exp, j) => {
    weights[row * Lk + j] = exp / sum;
    if (exp === 0 && fault !== 'hidden values summed with weight 0') return;
    for (let e = 0; e < Dv; e++)
      out[((b * Lq + i) * H + h) * Dv + e]! += (exp / sum) * v.data[((b * Lk + j) * Hkv + g) * Dv + e]!;
  });
}

// biome-ignore lint/suspicious/noExplicitAny: variants of several options are planted with the same faults
type AnyVariant = AttentionVariant<any, any>;

/** A variant with its executor replaced. */
function planted(base: AnyVariant, fault: Fault | undefined): AnyVariant {
  const paramsOf = (
    options: Record<string, unknown>,
  ): Pick<Params, 'fault' | 'scale' | 'causal' | 'before' | 'softcap'> => ({
    fault,
    scale: fault === 'scale option ignored' ? undefined : (options.scale as number | undefined),
    causal: options.causal !== false,
    softcap: (options.softcap as number | undefined) ?? 0,
    before:
      typeof options.window === 'number'
        ? options.window - (options.convention === 'attention-gym' ? 0 : 1)
        : Infinity,
  });
  const variant: AnyVariant = {
    ...base,
    ...(fault === 'pairs of the whole square' && {
      cost: (shape, options, call) => {
        const { Lq, Lk } = call;
        const right = base.cost(shape, options, call);
        return { ...right, attentionFlops: 4 * call.B * shape.H * shape.D * Lq * Lk };
      },
    }),
    attend(call, given) {
      // what the real one refuses is refused here: the faults are in what it computes
      if (fault !== 'options unchecked') base.attend(call, given).out.dispose();
      const { q, k, v, bias, slopes, queryPositions, keyPositions } = call;
      const valid = call.valid ?? k.shape[1]!;
      const offset = call.offset ?? Math.max(0, valid - q.shape[1]!);
      const options =
        fault === 'options unchecked' ? { ...base.defaults, ...given } : resolveOptions(base, given);
      const params = { ...paramsOf(options), offset, valid };
      const [out, weights, lse] = run(
        plainAttention,
        { q, k, v, bias, slopes, queryPositions, keyPositions },
        params,
      ) as Tensor[];
      const extras = call.extras ?? [];
      if (fault !== 'temporary kept')
        for (const [name, extra] of [
          ['weights', weights],
          ['lse', lse],
        ] as const)
          if (!extras.includes(name)) extra!.dispose();
      return { out: out!, weights: weights!, lse: lse! };
    },
    layer(call) {
      checkLayerCall(variant, call);
      const { x, weights, state, shape, options } = call;
      const { Hkv } = { Hkv: base.kv(shape, options, 0).rows.k![0]! };
      const q = splitHeads(project(x, weights, 'q'), shape.H);
      const [k, v] = ['k', 'v'].map((name) => splitHeads(project(x, weights, name), Hkv)) as [Tensor, Tensor];
      const view = state.append({ k, v }, call.positions);
      const late = fault === 'state off by one' && view.offset > 0 ? 1 : 0;
      const params = { ...paramsOf(options), offset: view.offset - late, valid: view.valid };
      const { queryPositions, keyPositions } = view;
      const read = (name: string): Tensor => {
        const row = view.rows[name]!;
        return fault === 'back: gradient of the state missing' ? stopGradient(row) : row;
      };
      const inputs = { q, k: read('k'), v: read('v'), queryPositions, keyPositions };
      const [out, ...rest] = run(plainAttention, inputs, params) as Tensor[];
      const merged = mergeHeads(out!);
      const y = project(merged, weights, 'o');
      for (const used of [q, k, v, out!, merged, ...rest]) used.dispose();
      return { y, state };
    },
  };
  return variant;
}

interface Planting {
  readonly base: AnyVariant;
  readonly golden: GoldenFile;
  readonly options?: object;
}

const onHeads: Planting = { base: multiHead, golden: headGolden };
const onGroups: Planting = { base: groupedQuery, golden: groupedGolden, options: { Hkv: 2 } };
const onWindow: Planting = { base: slidingWindow, golden: windowGolden, options: { window: 4 } };
const onCapped: Planting = { base: softCapped, golden: cappedGolden, options: { softcap: 1.5 } };

/** The laws that a planting breaks, and `golden` where it does not give the golden values. */
async function broken(
  { base, golden, options }: Planting,
  fault: Fault | undefined,
): Promise<readonly string[]> {
  const variant = planted(base, fault);
  const found: string[] = [];
  for (const name of Object.keys(laws) as LawName[]) {
    const probe = new Probe(createReference(), variant, options ? { options } : {});
    await laws[name](probe).catch(() => found.push(name));
  }
  for (const goldenCase of goldenCases(golden)) {
    await runGolden(variant, goldenCase, createReference()).catch(() => {
      if (!found.includes('golden')) found.push('golden');
    });
  }
  return found;
}

it.each([onHeads, onGroups, onWindow, onCapped])(
  'finds nothing where nothing is planted',
  async (planting) => {
    expect(await broken(planting, undefined)).toEqual([]);
  },
);

const DIFFERENCES = 'gradients = central differences';

it.each<[Fault, Planting, readonly string[]]>([
  ['wrong scale', onHeads, ['golden']],
  ['wrong head map', onGroups, ['groups = repeated heads', 'golden']],
  ['mask off by one', onHeads, ['causal', 'prefill = chunks = decode', 'golden']],
  ['lost max-shift', onHeads, ['stable']],
  ['mask missing on head 1', onHeads, ['causal', 'prefill = chunks = decode', 'golden']],
  ['bias ignored', onHeads, ['a bias counts', 'golden']],
  ['state off by one', onGroups, ['prefill = chunks = decode', 'golden']],
  ['window one too wide', onWindow, ['golden']],
  ['hidden values summed with weight 0', onHeads, ['hidden keys change nothing']],
  ['input overwritten', onHeads, ['inputs stay']],
  ['temporary kept', onHeads, ['frees what it made']],
  ['back: wrong scale', onHeads, [DIFFERENCES]],
  ['back: mask forgotten', onWindow, [DIFFERENCES]],
  ['back: last head of a group only', onGroups, [DIFFERENCES]],
  ['back: softcap forgotten', onCapped, [DIFFERENCES]],
  ['back: gradient of the state missing', onGroups, [DIFFERENCES]],
  ['back: no row sum', onHeads, [DIFFERENCES]],
  ['scale option ignored', onHeads, ['scales as told']],
  ['pairs of the whole square', onHeads, ['costs what it sees']],
  ['pairs of the whole square', onWindow, ['costs what it sees']],
  ['options unchecked', onHeads, ['refuses bad options']],
])('catches a planted fault: %s', async (fault, planting, wanted) => {
  expect(await broken(planting, fault)).toEqual(expect.arrayContaining([...wanted]));
});
