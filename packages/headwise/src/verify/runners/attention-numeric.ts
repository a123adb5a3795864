import {
  additive,
  chunked,
  crossAttention,
  differential,
  differentialMix,
  groupedQuery,
  type LambdaVectors,
  learnedSinks,
  linearAttention,
  multiHead,
  multiplicative,
  sinkTokens,
  slidingWindow,
} from '@headwise/attention-variants';
import { type HostTensor, numbersOf } from '@headwise/models';
import {
  createPositions,
  createThrough,
  type Device,
  linear,
  matmul,
  type Positions,
  type Tensor,
  tensor,
  zeros,
} from '@headwise/tensor';
import type { Got, VerifyCase } from '../contract.ts';
import { floatTensor } from '../operands.ts';
import {
  headMajor,
  inputsOf,
  keptPositions,
  maskBias,
  read,
  refuseOthers,
  tokenMajor,
  visible,
} from './attention-operands.ts';

interface Heads {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly offset: number;
  readonly extras: readonly ['weights', 'scores'];
}

/** Queries, keys and values of a case, and where the first query stands: at the end, if the case does not say. */
function headsOf(testCase: VerifyCase, device: Device): Heads {
  const { q, k, v } = inputsOf(testCase, 'q', 'k', 'v');
  const last = Math.max(0, k.shape[2]! - q.shape[2]!);
  const aligned = testCase.attributes.alignment === 'upper_left' ? 0 : last;
  const offset = Number(testCase.attributes.query_offset ?? aligned);
  return {
    q: tokenMajor(device, q),
    k: tokenMajor(device, k),
    v: tokenMajor(device, v),
    offset,
    extras: ['weights', 'scores'],
  };
}

async function results(
  { out, weights, scores }: { readonly out: Tensor; readonly weights?: Tensor; readonly scores?: Tensor },
  { outputs }: VerifyCase,
): Promise<Got> {
  return {
    y: await headMajor(out),
    ...(outputs.probs && { probs: await read(weights!) }),
    ...(outputs.visible && { visible: await visible(scores!) }),
  };
}

/** `causal`: W tokens with the own one. `symmetric`: W to both sides. `chunked`: chunks of W. */
export async function runSlidingWindow(testCase: VerifyCase, device: Device): Promise<Got> {
  refuseOthers(testCase, ['q', 'k', 'v']);
  const call = headsOf(testCase, device);
  const window = Number(testCase.attributes.window);
  const { kind } = testCase.attributes;
  if (kind === 'chunked') return results(chunked.attend(call, { chunk: window }), testCase);
  if (kind === 'symmetric') {
    const both = { window, convention: 'attention-gym', causal: false } as const;
    return results(slidingWindow.attend(call, both), testCase);
  }
  if (kind !== 'causal') throw new TypeError(`sliding_window: the runner does not know the kind ${kind}`);
  return results(slidingWindow.attend(call, { window }), testCase);
}

/** `learned_logit`: a logit a head that adds no value. `streaming`: a window and the first tokens. */
export async function runAttentionSinks(testCase: VerifyCase, device: Device): Promise<Got> {
  refuseOthers(testCase, ['q', 'k', 'v', 'sink_logits']);
  const call = headsOf(testCase, device);
  const { kind, window, num_sinks } = testCase.attributes;
  if (kind === 'streaming') {
    return results(sinkTokens.attend(call, { window: Number(window), sinks: Number(num_sinks) }), testCase);
  }
  if (kind !== 'learned_logit')
    throw new TypeError(`attention_sinks: the runner does not know the kind ${kind}`);
  const sinks = floatTensor(device, inputsOf(testCase, 'sink_logits').sink_logits);
  const options = { window: window === null ? undefined : Number(window) };
  return results(learnedSinks.attend({ ...call, weights: { sinks } }, options), testCase);
}

/** Plain attention with what is unusual about it: where the queries stand, large scores, padding, a mask. */
export async function runAttentionExtra(testCase: VerifyCase, device: Device): Promise<Got> {
  refuseOthers(testCase, ['q', 'k', 'v', 'mask', 'bias', 'key_keep']);
  const { attributes, inputs } = testCase;
  const call = headsOf(testCase, device);
  const mask = inputs.mask ?? inputs.bias;
  const { out, weights, scores, lse } = groupedQuery.attend(
    {
      ...call,
      ...(mask && { bias: maskBias(device, mask, [call.q.shape[1]!, call.k.shape[1]!]) }),
      ...(inputs.key_keep && { keyPositions: keptPositions(device, inputs.key_keep) }),
      extras: [...call.extras, 'lse'],
    },
    {
      causal: attributes.causal === true,
      scale: attributes.scale === undefined ? undefined : Number(attributes.scale),
    },
  );
  const got = await results({ out, ...(weights && { weights }), ...(scores && { scores }) }, testCase);
  return { ...got, ...(testCase.outputs.lse && { lse: await read(lse!) }) };
}

/** Keys and values from a memory whose padding is hidden. */
export async function runCrossAttention(testCase: VerifyCase, device: Device): Promise<Got> {
  const names = ['x', 'memory', 'wq', 'wk', 'wv', 'wo'] as const;
  refuseOthers(testCase, [...names, 'memory_keep', 'bq', 'bk', 'bv', 'bo']);
  const { inputs } = testCase;
  const given = inputsOf(testCase, ...names);
  const [B, L, E] = given.x.shape as [number, number, number];
  const [, , Es] = given.memory.shape as [number, number, number];
  const H = Number(testCase.attributes.num_heads);
  const shape = { E, Es, H, D: given.wq.shape[0]! / H, Dv: given.wv.shape[0]! / H, layers: 1 };
  const options = crossAttention.defaults;
  const weights: Record<string, Tensor> = {};
  for (const name of ['q', 'k', 'v', 'o'] as const) {
    weights[name] = floatTensor(device, given[`w${name}`]);
    if (inputs[`b${name}`]) weights[`${name}.bias`] = floatTensor(device, inputs[`b${name}`]!);
  }
  // keeps nothing, so that the weights are of the source's tokens as they stand
  const state = createThrough({ device, B, spec: crossAttention.kv(shape, options, 0) });
  const { y, weights: probs } = crossAttention.layer({
    x: floatTensor(device, given.x),
    weights,
    state,
    positions: createPositions(device, { start: 0, L }),
    shape,
    options,
    layer: 0,
    source: floatTensor(device, given.memory),
    ...(inputs.memory_keep && { sourcePositions: sourceOf(device, inputs.memory_keep) }),
    extras: ['weights'],
  });
  return { y: await read(y), probs: await read(probs!) };
}

/** Where the tokens of a source stand: those that are kept, in order. */
function sourceOf(device: Device, kept: HostTensor): Positions {
  const [rows, Ls] = kept.shape as [number, number];
  const numbers = numbersOf(kept);
  return createPositions(
    device,
    Array.from({ length: rows }, (_, b) =>
      Array.from({ length: Ls }, (_, i) => (numbers[b * Ls + i] === 0 ? -1 : i)),
    ),
  );
}

/** Bahdanau and Luong have one head: inputs `[B, L, width]`, weights of the softmax `[B, Lq, Lk]`. */
function oneHead(device: Device, host: HostTensor): Tensor {
  const [B, L, width] = host.shape as [number, number, number];
  return floatTensor(device, host, [B, L, 1, width]);
}

async function withoutHeads({
  out,
  weights,
}: {
  readonly out: Tensor;
  readonly weights?: Tensor;
}): Promise<Got> {
  const [B, Lq, , Dv] = out.shape as [number, number, number, number];
  return { y: await read(out, [B, Lq, Dv]), probs: await read(weights!, [B, Lq, weights!.shape[3]!]) };
}

export async function runAdditive(testCase: VerifyCase, device: Device): Promise<Got> {
  const names = ['q', 'k', 'v', 'wq', 'wk', 'v_score'] as const;
  refuseOthers(testCase, [...names, 'b', 'key_keep']);
  const given = inputsOf(testCase, ...names);
  const { b, key_keep } = testCase.inputs;
  const A = given.wq.shape[0]!;
  const project = (name: 'q' | 'k', bias: HostTensor | undefined): Tensor => {
    const [B, L] = given[name].shape as [number, number];
    const weight = floatTensor(device, given[`w${name}`]);
    const projected = linear(floatTensor(device, given[name]), weight, {
      bias: bias && floatTensor(device, bias),
    });
    return projected.reshape([B, L, 1, A]);
  };
  const call = {
    q: project('q', b),
    k: project('k', undefined),
    v: oneHead(device, given.v),
    weights: { score: floatTensor(device, given.v_score, [1, A]) },
    ...(key_keep && { keyPositions: keptPositions(device, key_keep) }),
    extras: ['weights'] as const,
  };
  return withoutHeads(additive.attend(call, { causal: false }));
}

/** Luong's "general" with a matrix; "dot" without. */
export async function runMultiplicative(testCase: VerifyCase, device: Device): Promise<Got> {
  refuseOthers(testCase, ['q', 'k', 'v', 'w', 'key_keep']);
  const given = inputsOf(testCase, 'q', 'k', 'v');
  const { w, key_keep } = testCase.inputs;
  const scale = Number(testCase.attributes.scale ?? 1);
  const call = {
    q: oneHead(device, given.q),
    k: oneHead(device, given.k),
    v: oneHead(device, given.v),
    ...(key_keep && { keyPositions: keptPositions(device, key_keep) }),
    extras: ['weights'] as const,
  };
  if (!w) return withoutHeads(multiHead.attend(call, { causal: false, scale }));
  const weights = { w: floatTensor(device, w, [1, ...w.shape]) };
  return withoutHeads(multiplicative.attend({ ...call, weights }, { causal: false, scale }));
}

export async function runDifferential(testCase: VerifyCase, device: Device): Promise<Got> {
  const learned = ['lambda_q1', 'lambda_k1', 'lambda_q2', 'lambda_k2', 'norm_weight'] as const;
  refuseOthers(testCase, ['q', 'k', 'v', ...learned]);
  const { attributes } = testCase;
  const given = inputsOf(testCase, ...learned);
  const { q, k, v, offset } = headsOf(testCase, device);
  const vectors: LambdaVectors = {
    lambdaQ1: floatTensor(device, given.lambda_q1),
    lambdaK1: floatTensor(device, given.lambda_k1),
    lambdaQ2: floatTensor(device, given.lambda_q2),
    lambdaK2: floatTensor(device, given.lambda_k2),
  };
  const weights = { ...vectors, norm: floatTensor(device, given.norm_weight) };
  const layer = Number(attributes.layer_index ?? 0);
  const options = {
    causal: attributes.causal === true,
    scale: attributes.scale === undefined ? undefined : Number(attributes.scale),
    normEps: Number(attributes.norm_eps ?? 1e-5),
  };
  const { out, weights: difference } = differential.attend(
    { q, k, v, offset, weights, layer, extras: ['weights'] },
    options,
  );
  const [B, H, Lq, Lk] = difference!.shape as [number, number, number, number];
  const Dv = v.shape[3]!;
  const flat = (map: Tensor): Tensor => map.reshape([B * H, Lq, Lk]);
  const flatValues = floatTensor(device, inputsOf(testCase, 'v').v, [B * H, Lk, Dv]);
  const init = Number(attributes.lambda_init);
  const lambda = differentialMix(zeros(device, [1]), tensor(device, [-1], [1]), vectors, init);
  return {
    y: await headMajor(out),
    diff_probs: await read(difference!),
    before_norm: await read(matmul(flat(difference!), flatValues), [B, H, Lq, Dv]),
    lambda: await read(lambda),
  };
}

export async function runLinearElu(testCase: VerifyCase, device: Device): Promise<Got> {
  refuseOthers(testCase, ['q', 'k', 'v']);
  const { q, k, v } = headsOf(testCase, device);
  const [B, , Hkv, D] = k.shape as [number, number, number, number];
  const { out, S, z } = linearAttention(
    { q, k, v, S: zeros(device, [B, Hkv, D, v.shape[3]!]), z: zeros(device, [B, Hkv, D]) },
    {
      feature: 'elu+1',
      eps: Number(testCase.attributes.eps ?? 0),
      causal: testCase.attributes.causal === true,
    },
  );
  return { y: await headMajor(out), state: await read(S), normalizer: await read(z!) };
}
