import type { Cache } from '@headwise/kv-cache';
import { type HostTensor, numbersOf } from '@headwise/models';
import { type AttentionInputs, type Device, tensor } from '@headwise/tensor';
import type { Got, Runners, VerifyCase } from '../contract.ts';
import { floats, floatTensor } from '../operands.ts';
import { everyWay, inputsOf, onnxMaskBias, refuseOthers, skipFloat64 } from './attention-operands.ts';
import { type HostArray, moveAxis } from './axes.ts';
import { runDecodeThroughCaches, runLatentThroughCaches } from './caches-layers.ts';
import {
  growingCaches,
  heldRows,
  type Passage,
  type Passed,
  passCausal,
  passWhole,
  piecesOf,
  rings,
} from './caches-through.ts';

/**
 * The families of attention through the caches of `@headwise/kv-cache`: contiguous, paged and, for windows, rings;
 * in pieces and token by token, saved and loaded half-way.
 */
export const cacheRunners: Runners = {
  Attention: runOnnx,
  sliding_window: runWindow,
  attention_sinks: runSinks,
  gqa_decode: runDecodeThroughCaches,
  mla: runLatentThroughCaches,
};

/** ONNX's `qk_matmul_output_mode`. */
const modes = ['raw', 'capped', 'scores', 'weights'] as const;

/** A window through rings and caches of everything; a symmetric one, which looks ahead, after all is kept. */
async function runWindow(testCase: VerifyCase, device: Device): Promise<Got> {
  refuseOthers(testCase, ['q', 'k', 'v']);
  const { kind } = testCase.attributes;
  const W = Number(testCase.attributes.window);
  if (kind === 'symmetric') {
    const passage = passageOf(testCase, device, { window: [W, W] });
    const ways = growingCaches(passage).map((create) => () => {
      return through(create, testCase, (cache) =>
        passWhole(passage, cache, piecesOf(passage, [3, 1, 4]), false),
      );
    });
    return everyWay(testCase, ways);
  }
  if (kind !== 'causal' && kind !== 'chunked')
    throw new TypeError(`sliding_window: the runner does not know the kind ${kind}`);
  const passage: Passage = {
    ...passageOf(testCase, device, { window: [W - 1, 0] }),
    ...(kind === 'chunked' && { until: (position) => Math.floor(position / W) * W + W - 1 }),
  };
  return everyWay(testCase, causalWays(testCase, passage, [...growingCaches(passage), ...rings(passage, W)]));
}

/** Learned sink logits over any cache; kept sink tokens over a ring that never forgets them. */
async function runSinks(testCase: VerifyCase, device: Device): Promise<Got> {
  refuseOthers(testCase, ['q', 'k', 'v', 'sink_logits']);
  const { kind, window, num_sinks } = testCase.attributes;
  if (kind !== 'streaming' && kind !== 'learned_logit')
    throw new TypeError(`attention_sinks: the runner does not know the kind ${kind}`);
  const W = typeof window === 'number' ? window : Infinity;
  const sinkTokens = kind === 'streaming' ? Number(num_sinks) : 0;
  const logits = testCase.inputs.sink_logits;
  const passage: Passage = {
    ...passageOf(testCase, device, { window: [W - 1, 0], sinkTokens }),
    inputs: logits ? { sinks: floatTensor(device, logits) } : {},
  };
  const windowed = Number.isFinite(W) ? rings(passage, W, sinkTokens) : [];
  return everyWay(testCase, causalWays(testCase, passage, [...growingCaches(passage), ...windowed]));
}

/** ONNX's Attention: past and new keys through a cache, the present read out of it. */
async function runOnnx(testCase: VerifyCase, device: Device): Promise<Got> {
  skipFloat64(testCase);
  refuseOthers(testCase, ['Q', 'K', 'V', 'attn_mask', 'past_key', 'past_value', 'nonpad_kv_seqlen']);
  const { attributes, inputs, outputs } = testCase;
  const flat = inputsOf(testCase, 'Q').Q.shape.length === 3;
  const past = inputs.past_key?.shape[2] ?? 0;
  const q = onnxHeads(testCase, 'Q');
  const rows = {
    k: afterPast(inputs.past_key, onnxHeads(testCase, 'K')),
    v: afterPast(inputs.past_value, onnxHeads(testCase, 'V')),
  };
  const [Lq, T] = [q.shape[1]!, rows.k.shape[1]!];
  const mode = modes[Number(attributes.qk_matmul_output_mode ?? 0)]!;
  const side = (name: string): number =>
    Number(attributes[name] ?? -1) < 0 ? Infinity : Number(attributes[name]);
  const passage: Passage = {
    ...{ device, q, rows, offset: past, heads: plainHeads, extras: outputs.qk_matmul_output ? [mode] : [] },
    inputs: {
      ...(inputs.attn_mask && { bias: onnxMaskBias(device, inputs.attn_mask, [Lq, T]) }),
      ...(inputs.nonpad_kv_seqlen && usedSlots(device, inputs.nonpad_kv_seqlen, Lq, T)),
    },
    options: {
      window: [side('left_window_size'), side('right_window_size')],
      scale: attributes.scale === undefined ? undefined : Number(attributes.scale),
      softcap: Number(attributes.softcap ?? 0),
    },
  };
  const pieces = [past, T - past].filter((L) => L > 0);
  const causal = Number(attributes.is_causal ?? 0) === 1;
  const ways = growingCaches(passage).map((create) => async () => {
    const passed = await passWhole(passage, create(), pieces, causal);
    const [B, , H, Dv] = passed.out.shape as [number, number, number, number];
    const got = {
      Y: flat ? { shape: [B, Lq, H * Dv], data: passed.out.data } : moveAxis(passed.out, 1, 2),
      ...(outputs.present_key && { present_key: moveAxis(await heldRows(passed, 'k'), 1, 2) }),
      ...(outputs.present_value && { present_value: moveAxis(await heldRows(passed, 'v'), 1, 2) }),
      ...(outputs.qk_matmul_output && { qk_matmul_output: passed.extras.get(mode)! }),
    };
    passed.cache.dispose();
    return got;
  });
  return everyWay(testCase, ways);
}

/** Keys and values as they are kept. */
const plainHeads: Passage['heads'] = ({ rows }) => ({ k: rows.k!, v: rows.v! });

/** A case of queries, keys and values `[B, H, L, D]`, the queries at the end unless it says otherwise. */
function passageOf(testCase: VerifyCase, device: Device, options: Passage['options']): Passage {
  const given = inputsOf(testCase, 'q', 'k', 'v');
  const q = tokenMajor(given.q);
  const rows = { k: tokenMajor(given.k), v: tokenMajor(given.v) };
  const last = Math.max(0, rows.k.shape[1]! - q.shape[1]!);
  const offset = Number(testCase.attributes.query_offset ?? last);
  return { device, q, rows, offset, heads: plainHeads, options, extras: ['weights', 'scores'] };
}

/** In pieces and token by token, through each of these caches. */
function causalWays(
  testCase: VerifyCase,
  passage: Passage,
  caches: readonly (() => Cache)[],
): readonly (() => Promise<Got>)[] {
  return [[5, 1, 3], []].flatMap((lengths) =>
    caches.map((create) => () => {
      return through(create, testCase, (cache) => passCausal(passage, cache, piecesOf(passage, lengths)));
    }),
  );
}

/** `y`, `probs` and `visible` of a case from what went through a cache. */
async function through(
  create: () => Cache,
  { outputs }: VerifyCase,
  pass: (cache: Cache) => Promise<Passed>,
): Promise<Got> {
  const { out, extras, cache } = await pass(create());
  cache.dispose();
  const scores = extras.get('scores')!;
  const [, , Lq, T] = scores.shape as [number, number, number, number];
  const seen = Uint8Array.from(scores.data.subarray(0, Lq * T), (score) => (score === -Infinity ? 0 : 1));
  return {
    y: moveAxis(out, 1, 2),
    ...(outputs.probs && { probs: extras.get('weights')! }),
    ...(outputs.visible && { visible: { shape: [Lq, T], data: seen } }),
  };
}

/** `[B, H, L, D]` of a case as caches have it, `[B, L, H, D]`. */
function tokenMajor(host: HostTensor): HostArray {
  return moveAxis({ shape: host.shape, data: floats(host) }, 1, 2);
}

/** Heads apart, `[B, L, H, D]`, from either of ONNX's layouts. */
function onnxHeads(testCase: VerifyCase, name: 'Q' | 'K' | 'V'): HostArray {
  const host = inputsOf(testCase, name)[name];
  if (host.shape.length === 4) return tokenMajor(host);
  const [B, L, width] = host.shape as [number, number, number];
  const H = Number(testCase.attributes[name === 'Q' ? 'q_num_heads' : 'kv_num_heads']);
  return { shape: [B, L, H, width / H], data: floats(host) };
}

/** The tokens of the past, then the new ones. */
function afterPast(past: HostTensor | undefined, fresh: HostArray): HostArray {
  if (!past) return fresh;
  const older = tokenMajor(past);
  const [B, P] = older.shape as [number, number];
  const [, L, ...row] = fresh.shape as [number, number, ...number[]];
  const width = fresh.data.length / (B * L);
  const data = new Float32Array(B * (P + L) * width);
  for (let b = 0; b < B; b++) {
    data.set(older.data.subarray(b * P * width, (b + 1) * P * width), b * (P + L) * width);
    data.set(fresh.data.subarray(b * L * width, (b + 1) * L * width), (b * (P + L) + P) * width);
  }
  return { shape: [B, P + L, ...row], data };
}

/** A buffer of which the first slots count, another number in each sequence; the queries are the last of them. */
function usedSlots(device: Device, used: HostTensor, Lq: number, T: number): Partial<AttentionInputs> {
  const lengths = Array.from(numbersOf(used));
  const rows = (L: number, at: (length: number, i: number) => number): Int32Array =>
    Int32Array.from(lengths.flatMap((length) => Array.from({ length: L }, (_, i) => at(length, i))));
  return {
    queryPositions: tensor<'B Lq'>(
      device,
      rows(Lq, (length, i) => length - Lq + i),
      [lengths.length, Lq],
    ),
    keyPositions: tensor<'B Lk'>(
      device,
      rows(T, (length, j) => (j < length ? j : -1)),
      [lengths.length, T],
    ),
  };
}
