import { type AttendCall, groupedQuery, maskModifier, scoreModifier } from '@headwise/attention-variants';
import { type Device, type Modifier, matmul, tensor, zeros } from '@headwise/tensor';
import type { Got, VerifyCase } from '../contract.ts';
import { floats } from '../operands.ts';
import { evaluate, type ModGraph, type Value } from './attention-flex-graph.ts';
import { graphModifiers } from './attention-flex-modifiers.ts';
import { headMajor, inputsOf, refuseOthers, skipFloat64, tokenMajor } from './attention-operands.ts';

/**
 * ONNX's FlexAttention. A `score_mod` graph becomes modifiers that the device compiles; one that no scalar function
 * can say is computed on the host and handed over as a bias. A `prob_mod` graph works on finished weights.
 */
export async function runFlexAttention(testCase: VerifyCase, device: Device): Promise<Got> {
  skipFloat64(testCase);
  refuseOthers(testCase, ['Q', 'K', 'V']);
  const { attributes } = testCase;
  const { Q, K, V } = inputsOf(testCase, 'Q', 'K', 'V');
  const options = {
    causal: false,
    scale: attributes.scale === undefined ? undefined : Number(attributes.scale),
  };
  const call = { q: tokenMajor(device, Q), k: tokenMajor(device, K), v: tokenMajor(device, V), offset: 0 };
  const [B, Lq, H] = call.q.shape as [number, number, number];
  const [, Lk, Hkv, Dv] = call.v.shape as [number, number, number, number];
  const graph = attributes.score_mod as ModGraph | undefined;
  const modified = graph ? await withScores(call, graph, options, [B, H, Lq, Lk]) : { call, options };

  const prob = attributes.prob_mod as ModGraph | undefined;
  if (!prob) return { Y: await headMajor(groupedQuery.attend(modified.call, modified.options).out) };
  const { weights } = groupedQuery.attend({ ...modified.call, extras: ['weights'] }, modified.options);
  const shape = [B, H, Lq, Lk];
  const changed = evaluate(prob, { shape, data: Float64Array.from((await weights!.data()) as Float32Array) });
  // [B, Hkv, Lk, Dv], each key/value head once for every query head of its group
  const values = floats(V);
  const size = Lk * Dv;
  const repeated = Float32Array.from({ length: B * H * size }, (_, i) => {
    const [b, h] = [Math.floor(i / (H * size)), Math.floor(i / size) % H];
    return values[(b * Hkv + Math.floor((h * Hkv) / H)) * size + (i % size)]!;
  });
  const out = matmul(
    tensor(device, Float32Array.from(changed.data), [B * H, Lq, Lk]),
    tensor(device, repeated, [B * H, Lk, Dv]),
  );
  return { Y: { shape: [B, H, Lq, Dv], data: (await out.data()) as Float32Array } };
}

interface Modified {
  readonly call: AttendCall;
  readonly options: { readonly causal: boolean; readonly scale: number | undefined };
}

async function withScores(
  call: AttendCall,
  graph: ModGraph,
  options: Modified['options'],
  shape: readonly [number, number, number, number],
): Promise<Modified> {
  const parts = graphModifiers(graph, shape);
  if (parts) {
    const modifiers: Modifier[] = [];
    if (parts.score !== 's')
      modifiers.push(scoreModifier(`function (s, b, h, q, k) { return ${parts.score}; }`));
    if (parts.hidden !== undefined)
      modifiers.push(maskModifier(`function (b, h, q, k) { return ${parts.hidden} ? 0 : 1; }`));
    return { call: { ...call, modifiers }, options };
  }
  const { raw } = groupedQuery.attend({ ...call, extras: ['raw'] }, options);
  const scores: Value = { shape, data: Float64Array.from((await raw!.data()) as Float32Array) };
  const { data } = evaluate(graph, scores);
  const [B, , Lq, Lk] = [shape[0], shape[1], shape[2], shape[3]];
  const { device } = call.q;
  // the product is replaced: queries of zeros, and the scores as a bias
  const q = zeros<'B Lq H D'>(device, [B, Lq, shape[1], 1]);
  const k = zeros<'B Lk Hkv D'>(device, [B, Lk, call.k.shape[2]!, 1]);
  const bias = tensor<'B H Lq Lk'>(device, Float32Array.from(data), shape);
  return { call: { ...call, q, k, bias }, options: { ...options, scale: 1 } };
}
