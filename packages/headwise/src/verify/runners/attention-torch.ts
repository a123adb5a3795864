import { groupedQuery, multiHead, slidingWindow, softCapped } from '@headwise/attention-variants';
import { type HostTensor, numbersOf } from '@headwise/models';
import {
  add,
  type Device,
  gelu,
  layerNorm,
  linear,
  relu,
  type Tensor,
  tensor,
  zeros,
} from '@headwise/tensor';
import { type Got, InPart, type VerifyCase } from '../contract.ts';
import { floats, floatTensor } from '../operands.ts';
import {
  headMajor,
  inputsOf,
  keptPositions,
  maskBias,
  read,
  refuseOthers,
  tokenMajor,
} from './attention-operands.ts';

/** PyTorch's cases want gradients beside the outputs, and there is no training yet. */
function forwardOnly({ outputs }: VerifyCase, got: Got): Got | InPart {
  const gradients = Object.keys(outputs).filter((name) => name.startsWith('grad_'));
  return gradients.length === 0 ? got : new InPart(got, gradients, 'needs training, which is not there yet');
}

/** Softmax attention itself. */
export async function runGradients(testCase: VerifyCase, device: Device): Promise<Got | InPart> {
  refuseOthers(testCase, ['q', 'k', 'v', 'grad_y']);
  const { attributes } = testCase;
  const { q, k, v } = inputsOf(testCase, 'q', 'k', 'v');
  const call = { q: tokenMajor(device, q), k: tokenMajor(device, k), v: tokenMajor(device, v), offset: 0 };
  const { kind, window, softcap } = attributes;
  const scale = Number(attributes.scale);
  const causal = kind !== null && kind !== 'softcap' && kind !== 'full';
  const variant =
    typeof softcap === 'number'
      ? softCapped.attend(call, { softcap, causal, scale })
      : typeof window === 'number'
        ? slidingWindow.attend(call, { window, scale })
        : groupedQuery.attend(call, { causal, scale });
  return forwardOnly(testCase, { y: await headMajor(variant.out) });
}

type Named = (name: string) => Tensor | undefined;

interface Projections {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** PyTorch stacks the projections of q, k and v, or has one of each where widths differ. */
function projections(
  { inputs }: VerifyCase,
  device: Device,
  prefix: string,
  [query, key, value]: readonly [Tensor, Tensor, Tensor],
): Projections {
  const stacked = inputs[`${prefix}in_proj_weight`];
  const bias = inputs[`${prefix}in_proj_bias`];
  const one = (index: number, name: string, x: Tensor): Tensor => {
    const weight = stacked
      ? third(device, stacked, index)
      : floatTensor(device, inputs[`${prefix}${name}_proj_weight`]!);
    return linear(x, weight, { bias: bias && third(device, bias, index) });
  };
  return { q: one(0, 'q', query), k: one(1, 'k', key), v: one(2, 'v', value) };
}

function third(device: Device, host: HostTensor, index: number): Tensor {
  const [rows, ...rest] = host.shape as [number, ...number[]];
  const size = host.data.length / 3;
  return tensor(device, floats(host).slice(index * size, (index + 1) * size), [rows / 3, ...rest]);
}

/** `[B, L, E]` → `[B, L, H, E / H]` */
function split(x: Tensor, H: number): Tensor {
  const [B, L, E] = x.shape as [number, number, number];
  return x.reshape([B, L, H, E / H]);
}

interface Masks {
  readonly causal?: boolean;
  /** True marks padding. */
  readonly padding?: HostTensor | undefined;
  readonly mask?: HostTensor | undefined;
}

/** `nn.MultiheadAttention`: y `[B, L, E]` and the weights of the softmax. */
function attend(
  testCase: VerifyCase,
  device: Device,
  prefix: string,
  inputs: readonly [Tensor, Tensor, Tensor],
  { causal = false, padding, mask }: Masks = {},
): { readonly y: Tensor; readonly probs: Tensor } {
  const H = Number(testCase.attributes.num_heads);
  const { q, k, v } = projections(testCase, device, prefix, inputs);
  const extra = extraRows(testCase, device, prefix);
  const keys = extra.reduce((rows, row) => withRow(rows, row.k), k);
  const values = extra.reduce((rows, row) => withRow(rows, row.v), v);
  const [Lq, Lk] = [q.shape[1]!, keys.shape[1]!];
  const { out, weights } = multiHead.attend(
    {
      q: split(q, H),
      k: split(keys, H),
      v: split(values, H),
      offset: 0,
      ...(padding && { keyPositions: keptPositions(device, padding, (padded) => padded === 0) }),
      ...(mask && { bias: maskBias(device, mask, [Lq, Lk]) }),
      extras: ['weights'],
    },
    { causal },
  );
  const bias = testCase.inputs[`${prefix}out_proj.bias`];
  const y = linear(out.reshape(q.shape), floatTensor(device, testCase.inputs[`${prefix}out_proj.weight`]!), {
    bias: bias && floatTensor(device, bias),
  });
  return { y, probs: weights! };
}

/** Learned rows (`bias_k`, `bias_v`) and a row of zeros that PyTorch may put behind the keys and values. */
function extraRows(
  { inputs, attributes }: VerifyCase,
  device: Device,
  prefix: string,
): readonly { readonly k: Tensor; readonly v: Tensor }[] {
  const [k, v] = [inputs[`${prefix}bias_k`], inputs[`${prefix}bias_v`]];
  const learned =
    k && v
      ? [{ k: floatTensor(device, k, [k.data.length]), v: floatTensor(device, v, [v.data.length]) }]
      : [];
  if (attributes.add_zero_attn !== true) return learned;
  const width = inputs[`${prefix}out_proj.weight`]!.shape[1]!;
  return [...learned, { k: zeros(device, [width]), v: zeros(device, [width]) }];
}

/** `[B, L, E]` and a row `[E]` behind each sequence. */
function withRow(rows: Tensor, row: Tensor): Tensor {
  const [B, L, E] = rows.shape as [number, number, number];
  const joined = zeros(rows.device, [B, L + 1, E]);
  for (let b = 0; b < B; b++) {
    joined.write(b * (L + 1) * E, rows, b * L * E, L * E);
    joined.write((b * (L + 1) + L) * E, row, 0, E);
  }
  return joined;
}

export async function runTorchMultiHead(testCase: VerifyCase, device: Device): Promise<Got | InPart> {
  const { inputs } = testCase;
  const { query, key, value } = inputsOf(testCase, 'query', 'key', 'value');
  const { y, probs } = attend(
    testCase,
    device,
    'param.',
    [floatTensor(device, query), floatTensor(device, key), floatTensor(device, value)],
    { padding: inputs.key_is_padding, mask: inputs.attn_mask },
  );
  return forwardOnly(testCase, { y: await read(y), probs: await read(probs) });
}

/** Norms before each part or behind its sum; ReLU or exact GELU between two projections. */
function block(testCase: VerifyCase, device: Device, prefix: string) {
  const { inputs, attributes } = testCase;
  const named: Named = (name) => {
    const host = inputs[`${prefix}${name}`];
    return host && floatTensor(device, host);
  };
  const norm = (x: Tensor, name: string): Tensor =>
    layerNorm(x, {
      weight: named(`${name}.weight`),
      bias: named(`${name}.bias`),
      eps: Number(attributes.eps ?? 1e-5),
    });
  const dense = (x: Tensor, name: string): Tensor =>
    linear(x, named(`${name}.weight`)!, { bias: named(`${name}.bias`) });
  const act = (x: Tensor): Tensor => (attributes.activation === 'relu' ? relu(x) : gelu(x));
  const feedForward = (x: Tensor): Tensor => dense(act(dense(x, 'linear1')), 'linear2');
  const first = attributes.norm_first === true;
  const residual = (x: Tensor, name: string, part: (normed: Tensor) => Tensor): Tensor =>
    first ? add(x, part(norm(x, name))) : norm(add(x, part(x)), name);
  return { norm, feedForward, residual };
}

export async function runTorchEncoder(testCase: VerifyCase, device: Device): Promise<Got | InPart> {
  const { inputs, attributes, outputs } = testCase;
  const padding = inputs.key_is_padding;
  const causal = attributes.causal === true;
  let x: Tensor = floatTensor(device, inputsOf(testCase, 'x').x);
  for (let layer = 0; layer < Number(attributes.layers); layer++) {
    const prefix = `param.layers.${layer}.`;
    const { residual, feedForward } = block(testCase, device, prefix);
    x = residual(
      x,
      'norm1',
      (h) => attend(testCase, device, `${prefix}self_attn.`, [h, h, h], { causal, padding }).y,
    );
    x = residual(x, 'norm2', feedForward);
  }
  if (attributes.final_norm === true) x = block(testCase, device, 'param.').norm(x, 'norm');
  const valid = padding && {
    shape: padding.shape,
    data: Array.from(numbersOf(padding), (padded) => (padded ? 0 : 1)),
  };
  return forwardOnly(testCase, { y: await read(x), ...(outputs.valid && valid && { valid }) });
}

export async function runTorchDecoderLayer(testCase: VerifyCase, device: Device): Promise<Got | InPart> {
  const { inputs, attributes } = testCase;
  const given = inputsOf(testCase, 'x', 'memory');
  const memory = floatTensor(device, given.memory);
  const causal = attributes.causal === true;
  const { residual, feedForward } = block(testCase, device, 'param.');
  let x: Tensor = floatTensor(device, given.x);
  x = residual(
    x,
    'norm1',
    (h) =>
      attend(testCase, device, 'param.self_attn.', [h, h, h], { causal, padding: inputs.x_is_padding }).y,
  );
  x = residual(
    x,
    'norm2',
    (h) =>
      attend(testCase, device, 'param.multihead_attn.', [h, memory, memory], {
        padding: inputs.memory_is_padding,
      }).y,
  );
  x = residual(x, 'norm3', feedForward);
  return forwardOnly(testCase, { y: await read(x) });
}
