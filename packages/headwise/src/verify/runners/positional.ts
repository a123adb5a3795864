import { type HostTensor, numbersOf } from '@headwise/models';
import {
  alibi,
  alibiSlopes,
  fromConfig,
  type RotaryEncoding,
  type ScoreBias,
  shaw,
  sinusoidal,
  t5,
  t5Buckets,
} from '@headwise/positional';
import {
  attentionWith,
  createPositions,
  type Device,
  type RotaryLayout,
  rotary,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import type { Got, Runners, VerifyCase } from '../contract.ts';
import { floats, floatTensor, wholeNumbers } from '../operands.ts';
import { moveAxis, sizeOf } from './axes.ts';

/** Position encodings against the numeric families and ONNX's RotaryEmbedding. */
export const positionalRunners: Runners = {
  RotaryEmbedding: runOnnxRotary,
  rope_scaling: runRopeScaling,
  alibi: runAlibi,
  alibi_slopes: async ({ attributes }) => ({ slopes: host(alibiSlopes(count(attributes, 'num_heads'))) }),
  t5_buckets: runBuckets,
  t5_attention: runT5,
  shaw_relative: runShaw,
  sinusoidal: runSinusoidal,
};

/**
 * ONNX turns `[B, H, L, D]`, or `[B, L, H · D]` with `num_heads`; without position ids the caches hold one row for
 * each token.
 */
async function runOnnxRotary({ inputs, attributes }: VerifyCase, device: Device): Promise<Got> {
  const { input, cos_cache, sin_cache, position_ids } = inputs as {
    readonly [Name in 'input' | 'cos_cache' | 'sin_cache']: HostTensor;
  } & { readonly position_ids?: HostTensor };
  const flat = input.shape.length === 3;
  const heads = Number(attributes.num_heads ?? 0);
  const [B, L] = (flat ? input.shape : [input.shape[0], input.shape[2]]) as [number, number];
  const x = flat
    ? floatTensor(device, input, [B, L, heads, input.shape[2]! / heads])
    : tokenMajor(device, input);
  const half = cos_cache.shape.at(-1)!;
  const rows = sizeOf(cos_cache.shape) / half;
  const positions = tensor<'B L'>(
    device,
    position_ids ? wholeNumbers(position_ids) : Int32Array.from({ length: B * L }, (_, n) => n),
    position_ids?.shape ?? [B, L],
  );
  const tables = {
    cos: floatTensor(device, cos_cache, [rows, half]),
    sin: floatTensor(device, sin_cache, [rows, half]),
  };
  const layout: RotaryLayout = Number(attributes.interleaved ?? 0) === 1 ? 'interleaved' : 'half';
  const y = await rotary(x, tables, positions, { layout }).data();
  return { output: flat ? { shape: input.shape, data: y } : headMajor(y, x.shape) };
}

/** The fields of a `rope_scaling` that a case's attributes may hold. */
const scalingFields = [
  'rope_type',
  'factor',
  'original_max_position_embeddings',
  'attention_factor',
  'beta_fast',
  'beta_slow',
  'truncate',
  'mscale',
  'mscale_all_dim',
  'short_factor',
  'long_factor',
  'low_freq_factor',
  'high_freq_factor',
  'partial_rotary_factor',
];

async function runRopeScaling({ inputs, attributes }: VerifyCase, device: Device): Promise<Got> {
  const { x, positions: at } = inputs as { readonly x: HostTensor; readonly positions: HostTensor };
  const D = x.shape[3]!;
  const length = Number(attributes.seq_len ?? 1);
  const encodingOf = (layout: RotaryLayout) =>
    fromConfig(
      {
        // a family that reads each of these fields
        model_type: 'minimax_m2',
        head_dim: D,
        rope_theta: attributes.rope_theta,
        rotary_dim: attributes.dim,
        max_position_embeddings: attributes.max_position_embeddings,
        rope_interleave: layout === 'interleaved',
        rope_scaling: Object.fromEntries(scalingFields.map((name) => [name, attributes[name]])),
      },
      { length },
    ) as RotaryEncoding;
  const list = Array.from(numbersOf(at), Number);
  const turned = async (layout: RotaryLayout) => {
    using encoding = encodingOf(layout);
    const tokens = tokenMajor(device, x);
    const y = encoding.turn(tokens, createPositions(device, [list]), 'q');
    return headMajor(await y.data(), tokens.shape);
  };
  const encoding = encodingOf('half');
  const { inverseFrequencies, attentionFactor } = encoding.spectrum(D, length);
  const { cos, sin, shape } = encoding.tables(D, list);
  return {
    inv_freq: host(inverseFrequencies),
    attention_factor: host([attentionFactor]),
    cos: { shape, data: cos },
    sin: { shape, data: sin },
    y_halves: await turned('half'),
    y_interleaved: await turned('interleaved'),
  };
}

async function runAlibi(testCase: VerifyCase, device: Device): Promise<Got> {
  using encoding = alibi();
  const { q, k } = testCase.inputs as { readonly q: HostTensor; readonly k: HostTensor };
  const [, H, Lq] = q.shape as [number, number, number];
  const offset = Number(testCase.attributes.query_offset ?? 0);
  const bias = await encoding.matrix(H, Lq, k.shape[2]!, offset);
  return {
    ...(await attendWith(testCase, device, encoding)),
    bias: { shape: [H, Lq, k.shape[2]!], data: bias },
  };
}

async function runBuckets({ attributes }: VerifyCase): Promise<Got> {
  const [Lq, Lk] = [count(attributes, 'query_length'), count(attributes, 'key_length')];
  const offset = Number(attributes.query_offset ?? 0);
  const data = t5Buckets({ Lq, Lk, offset }, count(attributes, 'num_buckets'), bucketOptions(attributes));
  return { buckets: { shape: [Lq, Lk], data } };
}

async function runT5(testCase: VerifyCase, device: Device): Promise<Got> {
  const table = floatTensor(device, testCase.inputs.bias_table!);
  using encoding = t5({ table, ...bucketOptions(testCase.attributes) });
  return await attendWith(testCase, device, encoding);
}

async function runShaw({ inputs, attributes }: VerifyCase, device: Device): Promise<Got> {
  const { q, k, v, rel_keys, rel_values } = inputs as {
    readonly [Name in 'q' | 'k' | 'v' | 'rel_keys']: HostTensor;
  } & { readonly rel_values?: HostTensor };
  const encoding = shaw({
    keys: floatTensor(device, rel_keys),
    ...(rel_values && { values: floatTensor(device, rel_values) }),
  });
  const [, , Lq] = q.shape as [number, number, number];
  // queries sit at the end
  const offset = Number(attributes.query_offset ?? k.shape[2]! - Lq);
  const { out, weights } = encoding.attendWithWeights(
    {
      q: tokenMajor(device, q),
      k: tokenMajor(device, k),
      v: tokenMajor(device, v),
      queryPositions: createPositions(device, { start: offset, L: Lq }).tensor,
    },
    { causal: attributes.causal === true, scale: scaleOf(attributes) },
  );
  return {
    y: headMajor(await out.data(), out.shape),
    probs: { shape: weights.shape, data: await weights.data() },
  };
}

async function runSinusoidal({ attributes }: VerifyCase, device: Device): Promise<Got> {
  const [L, E] = [count(attributes, 'length'), count(attributes, 'dim')];
  const kind = String(attributes.kind);
  using encoding = sinusoidal({
    base: Number(attributes.base ?? 10_000),
    layout: kind.startsWith('halves') ? 'half' : 'interleaved',
    spacing: kind.endsWith('t2t') ? 'tensor2tensor' : 'paper',
  });
  // what an embedding of zeros becomes on the device
  const zeros = tensor<'B L E'>(device, new Float32Array(L * E), [1, L, E]);
  const y = encoding.encode(zeros, createPositions(device, { start: 0, L }));
  return { table: { shape: [L, E], data: await y.data() } };
}

/** Attention with a bias: `y` and `probs`, head-major. */
async function attendWith(
  { inputs, attributes }: VerifyCase,
  device: Device,
  encoding: ScoreBias,
): Promise<Got> {
  const { q, k, v } = inputs as { readonly [Name in 'q' | 'k' | 'v']: HostTensor };
  const [, H, Lq] = q.shape as [number, number, number];
  const Lk = k.shape[2]!;
  const offset = Number(attributes.query_offset ?? 0);
  const queryPositions = tensor<'B Lq'>(
    device,
    Int32Array.from({ length: Lq }, (_, i) => offset + i),
    [1, Lq],
  );
  const { out, weights } = attentionWith(
    {
      q: tokenMajor(device, q),
      k: tokenMajor(device, k),
      v: tokenMajor(device, v),
      queryPositions,
      ...encoding.bias(device, H, Lq, Lk, offset),
    },
    { causal: attributes.causal === true, scale: scaleOf(attributes) },
    ['weights'],
  );
  return {
    y: headMajor(await out.data(), out.shape),
    probs: { shape: weights.shape, data: await weights.data() },
  };
}

function scaleOf({ scale }: VerifyCase['attributes']): number | undefined {
  return typeof scale === 'number' ? scale : undefined;
}

function bucketOptions(attributes: VerifyCase['attributes']) {
  return {
    bidirectional: attributes.bidirectional === true,
    maxDistance: count(attributes, 'max_distance'),
  };
}

/** `[B, H, L, D]` of a case → `[B, L, H, D]` on the device. */
function tokenMajor(device: Device, array: HostTensor): Tensor {
  const moved = moveAxis({ shape: array.shape, data: floats(array) }, 2, 1);
  return tensor(device, moved.data, moved.shape);
}

/** `[B, L, H, D]` → `[B, H, L, D]` */
function headMajor(data: Float32Array, shape: readonly number[]): Got[string] {
  return moveAxis({ shape, data }, 1, 2);
}

function host(values: ArrayLike<number>): Got[string] {
  return { shape: [values.length], data: values };
}

function count(attributes: VerifyCase['attributes'], name: string): number {
  const value = attributes[name];
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw new TypeError(`attribute ${name} must be a whole number, it is ${value}`);
}
