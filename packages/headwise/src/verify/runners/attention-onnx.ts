import { linearAttention, type UpdateRule } from '@headwise/attention-variants';
import { type HostTensor, numbersOf } from '@headwise/models';
import {
  type AttentionExtra,
  attentionWith,
  type Device,
  type Tensor,
  tensor,
  zeros,
} from '@headwise/tensor';
import type { Got, VerifyCase } from '../contract.ts';
import { floatTensor } from '../operands.ts';
import {
  headMajor,
  inputsOf,
  onnxMaskBias,
  read,
  refuseOthers,
  skipFloat64,
  tokenMajor,
  withHeads,
} from './attention-operands.ts';

/** What `qk_matmul_output_mode` asks for. */
const modes: readonly AttentionExtra[] = ['raw', 'capped', 'scores', 'weights'];

/**
 * ONNX's Attention (opset 23 and later): heads apart or in one axis, caches given as past and returned as present,
 * or as a buffer of which `nonpad_kv_seqlen` slots count. Without either, query i stands at position i.
 */
export async function runOnnxAttention(testCase: VerifyCase, device: Device): Promise<Got> {
  skipFloat64(testCase);
  refuseOthers(testCase, ['Q', 'K', 'V', 'attn_mask', 'past_key', 'past_value', 'nonpad_kv_seqlen']);
  const { attributes, inputs, outputs } = testCase;
  const given = inputsOf(testCase, 'Q', 'K', 'V');
  const flat = given.Q.shape.length === 3;
  const heads = (host: HostTensor, count: unknown): Tensor =>
    flat ? withHeads(device, host, Number(count)) : tokenMajor(device, host);
  const q = heads(given.Q, attributes.q_num_heads);
  const k = afterPast(heads(given.K, attributes.kv_num_heads), inputs.past_key);
  const v = afterPast(heads(given.V, attributes.kv_num_heads), inputs.past_value);
  const [Lq, Lk] = [q.shape[1]!, k.shape[1]!];
  const past = inputs.past_key?.shape[2] ?? 0;

  const mode = modes[Number(attributes.qk_matmul_output_mode ?? 0)]!;
  const extras = outputs.qk_matmul_output ? [mode] : [];
  const left = Number(attributes.left_window_size ?? -1);
  const right = Number(attributes.right_window_size ?? -1);
  const { out, ...extra } = attentionWith<AttentionExtra>(
    {
      q,
      k,
      v,
      ...(inputs.attn_mask && { bias: onnxMaskBias(device, inputs.attn_mask, [Lq, Lk]) }),
      ...(inputs.nonpad_kv_seqlen
        ? staticCache(device, inputs.nonpad_kv_seqlen, Lq, Lk)
        : { queryPositions: counted(device, [past], Lq) }),
    },
    {
      causal: Number(attributes.is_causal ?? 0) === 1,
      window: [left < 0 ? Infinity : left, right < 0 ? Infinity : right],
      ...(attributes.scale !== undefined && { scale: Number(attributes.scale) }),
      softcap: Number(attributes.softcap ?? 0),
    },
    extras,
  );
  const [B, , H, Dv] = out.shape as [number, number, number, number];
  return {
    Y: flat ? await read(out, [B, Lq, H * Dv]) : await headMajor(out),
    ...(extra[mode] && { qk_matmul_output: await read(extra[mode]) }),
    ...(outputs.present_key && { present_key: await headMajor(k) }),
    ...(outputs.present_value && { present_value: await headMajor(v) }),
  };
}

/** What came before and what is new in one buffer, written in place as a cache does. */
function afterPast(fresh: Tensor, past: HostTensor | undefined): Tensor {
  if (!past) return fresh;
  const [B, L, H, D] = fresh.shape as [number, number, number, number];
  const earlier = tokenMajor(fresh.device, past);
  const P = earlier.shape[1]!;
  const joined = zeros(fresh.device, [B, P + L, H, D]);
  const row = H * D;
  for (let b = 0; b < B; b++) {
    joined.write(b * (P + L) * row, earlier, b * P * row, P * row);
    joined.write((b * (P + L) + P) * row, fresh, b * L * row, L * row);
  }
  return joined;
}

/** The last query stands at the last slot in use, and slots beyond are empty. */
function staticCache(device: Device, used: HostTensor, Lq: number, Lk: number) {
  const lengths = Array.from(numbersOf(used));
  const slots = lengths.flatMap((length) => Array.from({ length: Lk }, (_, j) => (j < length ? j : -1)));
  return {
    queryPositions: counted(
      device,
      lengths.map((length) => length - Lq),
      Lq,
    ),
    keyPositions: tensor<'B Lk'>(device, Int32Array.from(slots), [lengths.length, Lk]),
  };
}

/** `[starts, L]`: each row counts from its start. */
function counted(device: Device, starts: readonly number[], L: number): Tensor<'B Lq', 'i32'> {
  const rows = starts.flatMap((start) => Array.from({ length: L }, (_, i) => start + i));
  return tensor<'B Lq'>(device, Int32Array.from(rows), [starts.length, L]);
}

/** ONNX's LinearAttention (opset 27): decay as a logarithm, by key number or by head; beta by head or for all. */
export async function runLinearAttention(testCase: VerifyCase, device: Device): Promise<Got> {
  skipFloat64(testCase);
  refuseOthers(testCase, ['query', 'key', 'value', 'past_state', 'decay', 'beta']);
  const { attributes, inputs } = testCase;
  const given = inputsOf(testCase, 'query', 'key', 'value');
  const Hkv = Number(attributes.kv_num_heads);
  const q = withHeads(device, given.query, Number(attributes.q_num_heads));
  const k = withHeads(device, given.key, Hkv);
  const v = withHeads(device, given.value, Hkv);
  const [B, L, H, D] = q.shape as [number, number, number, number];
  const Dv = v.shape[3]!;
  const { past_state, decay, beta } = inputs;
  const { out, S } = linearAttention(
    {
      q,
      k,
      v,
      S: past_state ? floatTensor(device, past_state) : zeros(device, [B, Hkv, D, Dv]),
      ...(decay && { decay: floatTensor(device, decay, [B, L, Hkv, decay.shape[2]! / Hkv]) }),
      ...(beta && { beta: floatTensor(device, beta) }),
    },
    {
      rule: (attributes.update_rule ?? 'gated_delta') as UpdateRule,
      scale: Number(attributes.scale ?? 0) || 1 / Math.sqrt(D),
    },
  );
  return { output: await read(out, [B, L, H * Dv]), present_state: await read(S) };
}
