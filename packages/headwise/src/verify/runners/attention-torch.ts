import { groupedQuery, multiHead, slidingWindow, softCapped } from '@headwise/attention-variants';
import { type HostTensor, numbersOf } from '@headwise/models';
import {
  add,
  concat,
  type Device,
  gather,
  gelu,
  layerNorm,
  linear,
  multiply,
  permute,
  reduce,
  relu,
  type Tensor,
  tensor,
  valueAndGrad,
  zeros,
} from '@headwise/tensor';
import type { Got, VerifyCase } from '../contract.ts';
import { floatTensor } from '../operands.ts';
import { inputsOf, keptPositions, maskBias, read, refuseOthers } from './attention-operands.ts';

type Named = (name: string) => Tensor | undefined;
type Results = { readonly y: Tensor } & Readonly<Record<string, Tensor>>;

/**
 * The results of a function of the inputs of a case, and the gradients of `y · grad_y` that it wants: `grad_x` is that
 * of the input `x`.
 */
async function differentiated(
  { inputs, outputs }: VerifyCase,
  device: Device,
  forward: (named: Named) => Results,
): Promise<Got> {
  const wanted = Object.keys(outputs).flatMap((name) => (name.startsWith('grad_') ? [name.slice(5)] : []));
  const tensors = Object.fromEntries(
    Object.entries(inputs).flatMap(([name, host]) =>
      host.dtype === 'F32' || host.dtype === 'F64' ? [[name, floatTensor(device, host)]] : [],
    ),
  );
  const leaves = Object.fromEntries(wanted.flatMap((name) => (tensors[name] ? [[name, tensors[name]]] : [])));
  const { value, grads } = valueAndGrad((given: Readonly<Record<string, Tensor>>) => {
    const results = forward((name) => given[name] ?? tensors[name]);
    const weighted = tensors.grad_y ? multiply(results.y, tensors.grad_y) : results.y;
    return { loss: reduce(weighted.reshape([weighted.size]), 'sum'), results };
  })(leaves);
  const got: Record<string, Got[string]> = {};
  for (const [name, result] of Object.entries(value.results)) got[name] = await read(result);
  for (const [name, gradient] of Object.entries(grads)) got[`grad_${name}`] = await read(gradient);
  return got;
}

/** Softmax attention itself. */
export async function runGradients(testCase: VerifyCase, device: Device): Promise<Got> {
  refuseOthers(testCase, ['q', 'k', 'v', 'grad_y']);
  inputsOf(testCase, 'q', 'k', 'v');
  const { attributes } = testCase;
  const { kind, window, softcap } = attributes;
  const scale = Number(attributes.scale);
  const causal = kind !== null && kind !== 'softcap' && kind !== 'full';
  return differentiated(testCase, device, (named) => {
    // head-major in the case, token-major here
    const turned = (name: string): Tensor => permute(named(name)!, [0, 2, 1, 3]);
    const call = { q: turned('q'), k: turned('k'), v: turned('v'), offset: 0 };
    const { out } =
      typeof softcap === 'number'
        ? softCapped.attend(call, { softcap, causal, scale, ...(typeof window === 'number' && { window }) })
        : typeof window === 'number'
          ? slidingWindow.attend(call, { window, scale })
          : groupedQuery.attend(call, { causal, scale });
    return { y: permute(out, [0, 2, 1, 3]) };
  });
}

interface Projections {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** PyTorch stacks the projections of q, k and v, or has one of each where widths differ. */
function projections(
  named: Named,
  prefix: string,
  [query, key, value]: readonly [Tensor, Tensor, Tensor],
): Projections {
  const stacked = named(`${prefix}in_proj_weight`);
  const bias = named(`${prefix}in_proj_bias`);
  const one = (index: number, name: string, x: Tensor): Tensor => {
    const weight = stacked ? third(stacked, index) : named(`${prefix}${name}_proj_weight`)!;
    return linear(x, weight, { bias: bias && third(bias, index) });
  };
  return { q: one(0, 'q', query), k: one(1, 'k', key), v: one(2, 'v', value) };
}

function third(stacked: Tensor, index: number): Tensor {
  const [rows, ...rest] = stacked.shape as [number, ...number[]];
  const which = tensor(stacked.device, Int32Array.of(index), [1]);
  return gather(stacked.reshape([3, stacked.size / 3]), which).reshape([rows / 3, ...rest]);
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
  named: Named,
  prefix: string,
  inputs: readonly [Tensor, Tensor, Tensor],
  { causal = false, padding, mask }: Masks = {},
): { readonly y: Tensor; readonly probs: Tensor } {
  const H = Number(testCase.attributes.num_heads);
  const { q, k, v } = projections(named, prefix, inputs);
  const { device } = q;
  const extra = extraRows(testCase, named, prefix);
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
  const y = linear(out.reshape(q.shape), named(`${prefix}out_proj.weight`)!, {
    bias: named(`${prefix}out_proj.bias`),
  });
  return { y, probs: weights! };
}

/** Learned rows (`bias_k`, `bias_v`) and a row of zeros that PyTorch may put behind the keys and values. */
function extraRows(
  { attributes }: VerifyCase,
  named: Named,
  prefix: string,
): readonly { readonly k: Tensor; readonly v: Tensor }[] {
  const [k, v] = [named(`${prefix}bias_k`), named(`${prefix}bias_v`)];
  const learned = k && v ? [{ k: k.reshape([k.size]), v: v.reshape([v.size]) }] : [];
  if (attributes.add_zero_attn !== true) return learned;
  const weight = named(`${prefix}out_proj.weight`)!;
  const { device } = weight;
  const width = weight.shape[1]!;
  return [...learned, { k: zeros(device, [width]), v: zeros(device, [width]) }];
}

/** `[B, L, E]` and a row `[E]` behind each sequence. */
function withRow(rows: Tensor, row: Tensor): Tensor {
  const [B, L, E] = rows.shape as [number, number, number];
  const each = add(zeros(rows.device, [B, E]), row);
  return concat(rows.reshape([B, L * E]), each).reshape([B, L + 1, E]);
}

export async function runTorchMultiHead(testCase: VerifyCase, device: Device): Promise<Got> {
  const { inputs } = testCase;
  inputsOf(testCase, 'query', 'key', 'value');
  return differentiated(testCase, device, (named) =>
    attend(testCase, named, 'param.', [named('query')!, named('key')!, named('value')!], {
      padding: inputs.key_is_padding,
      mask: inputs.attn_mask,
    }),
  );
}

/** Norms before each part or behind its sum; ReLU or exact GELU between two projections. */
function block({ attributes }: VerifyCase, all: Named, prefix: string) {
  const named: Named = (name) => all(`${prefix}${name}`);
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

export async function runTorchEncoder(testCase: VerifyCase, device: Device): Promise<Got> {
  const { inputs, attributes, outputs } = testCase;
  inputsOf(testCase, 'x');
  const padding = inputs.key_is_padding;
  const causal = attributes.causal === true;
  const got = await differentiated(testCase, device, (named) => {
    let x: Tensor = named('x')!;
    for (let layer = 0; layer < Number(attributes.layers); layer++) {
      const prefix = `param.layers.${layer}.`;
      const { residual, feedForward } = block(testCase, named, prefix);
      x = residual(
        x,
        'norm1',
        (h) => attend(testCase, named, `${prefix}self_attn.`, [h, h, h], { causal, padding }).y,
      );
      x = residual(x, 'norm2', feedForward);
    }
    return { y: attributes.final_norm === true ? block(testCase, named, 'param.').norm(x, 'norm') : x };
  });
  if (!outputs.valid || !padding) return got;
  const valid = Array.from(numbersOf(padding), (padded) => (padded ? 0 : 1));
  return { ...got, valid: { shape: padding.shape, data: valid } };
}

export async function runTorchDecoderLayer(testCase: VerifyCase, device: Device): Promise<Got> {
  const { inputs, attributes } = testCase;
  inputsOf(testCase, 'x', 'memory');
  const causal = attributes.causal === true;
  return differentiated(testCase, device, (named) => {
    const memory = named('memory')!;
    const { residual, feedForward } = block(testCase, named, 'param.');
    const own = (h: Tensor): Tensor =>
      attend(testCase, named, 'param.self_attn.', [h, h, h], { causal, padding: inputs.x_is_padding }).y;
    const cross = (h: Tensor): Tensor =>
      attend(testCase, named, 'param.multihead_attn.', [h, memory, memory], {
        padding: inputs.memory_is_padding,
      }).y;
    return {
      y: residual(residual(residual(named('x')!, 'norm1', own), 'norm2', cross), 'norm3', feedForward),
    };
  });
}
