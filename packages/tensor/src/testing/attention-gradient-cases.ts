import { grad } from '../autodiff/grad.ts';
import type { Device, DType } from '../contracts/device.ts';
import { type AttentionInputs, type AttentionOptions, attention, attentionWith } from '../ops/attention.ts';
import { multiply } from '../ops/elementwise.ts';
import { reduce } from '../ops/reduce.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { type GradientCase, gradientCase, ids, type Shapes } from './gradient-case.ts';
import type { Parameters } from './gradients.ts';
import { seeded, seededValues } from './seeded.ts';

/** Attention with sizes that divide nothing, and parameters beside q, k and v. */
function attentionCase(
  name: string,
  options: AttentionOptions,
  {
    sizes = {},
    more = {},
    others = () => ({}),
    lse = false,
  }: {
    readonly sizes?: Partial<Record<'B' | 'Lq' | 'Lk' | 'H' | 'Hkv' | 'D' | 'Dv' | 'width', number>>;
    readonly more?: Shapes;
    readonly others?: (device: Device) => Partial<Record<keyof AttentionInputs, Tensor<string, DType>>>;
    readonly lse?: boolean;
  } = {},
): GradientCase {
  const { B = 2, Lq = 5, Lk = 7, H = 4, Hkv = 2, D = 3, Dv = 5 } = sizes;
  const { width = Dv } = sizes;
  const shapes = { q: [B, Lq, H, D], k: [B, Lk, Hkv, D], v: [B, Lk, Hkv, width], ...more };
  return gradientCase('attention', name, shapes, (given, device) => {
    const inputs = { ...given, ...others(device) } as unknown as AttentionInputs;
    if (!lse) return attention(inputs, options);
    const found = attentionWith(inputs, options, ['lse']);
    return [found.out, found.lse];
  });
}

const hidden = (device: Device): { bias: Tensor } => {
  const values = seededValues(5 * 7, 8).map((value, n) => (n % 4 === 1 ? -Infinity : value));
  return { bias: tensor(device, values, [1, 1, 5, 7]) };
};

/** Attention with every declared part. */
export const attentionGradientCases: readonly GradientCase[] = [
  attentionCase('nothing declared', {}),
  attentionCase('a scale, one head, one query', { scale: 0.3 }, { sizes: { B: 1, Lq: 1, H: 1, Hkv: 1 } }),
  attentionCase('causal', { causal: true }, { sizes: { Lq: 7 } }),
  attentionCase(
    'causal from an offset, wide values',
    { causal: { offset: 2 }, valueWidth: 3 },
    { sizes: { width: 5, Dv: 3 } },
  ),
  attentionCase('a prefix', { causal: true, prefix: 3 }, { sizes: { Lq: 7 } }),
  attentionCase(
    'a window and sink tokens',
    { causal: true, window: [2, 0], sinkTokens: 1 },
    { sizes: { Lq: 7 } },
  ),
  attentionCase('a window on both sides', { window: [1, 2] }),
  attentionCase(
    'segments with anchors',
    { causal: true, segments: { length: 3, anchors: true } },
    { sizes: { Lq: 7 } },
  ),
  attentionCase('segments without', { segments: { length: 2, anchors: false } }),
  attentionCase('slots in use', { valid: 4 }),
  attentionCase('a softcap', { softcap: 0.8, causal: true, scale: 2 }, { sizes: { Lq: 7 } }),
  attentionCase('slopes', { causal: true }, { sizes: { Lq: 7 }, more: { slopes: [4] } }),
  attentionCase('learned sinks', { causal: true }, { sizes: { Lq: 7 }, more: { sinks: [4] } }),
  attentionCase('a bias of each', {}, { more: { bias: [2, 4, 5, 7] } }),
  attentionCase('a bias for all sequences', {}, { more: { bias: [1, 4, 5, 7] } }),
  attentionCase('a bias for all heads', {}, { more: { bias: [2, 1, 5, 7] } }),
  attentionCase('a bias that hides', {}, { others: hidden }),
  attentionCase('the log-sum-exp', { causal: true }, { sizes: { Lq: 7 }, lse: true, more: { sinks: [4] } }),
  attentionCase(
    'positions, nobody among them, and keys that end',
    { causal: true },
    {
      more: { slopes: [4] },
      others: (d) => ({
        queryPositions: ids(d, [3, 0, 1, 2, -1, 4, 5, 6, 7, 8], [2, 5]),
        keyPositions: ids(d, [0, 1, 2, 3, -1, -1, 4, 8, 7, 6, 5, -1, 4, 3], [2, 7]),
        keyUntil: ids(d, [9, 9, 2, 9, 9, 9, 9], [1, 7]),
      }),
    },
  ),
  attentionCase('a cursor', { causal: true }, { others: (d) => ({ cursor: ids(d, [2, 6]) }) }),
  gradientCase(
    'attentionGradient',
    'differentiated again',
    { q: [1, 3, 2, 3], k: [1, 4, 1, 3], v: [1, 4, 1, 2], sinks: [2] },
    (given, device) => {
      const loss = (p: Parameters): Tensor => {
        const y = attention(p as unknown as AttentionInputs, { causal: { offset: 1 }, softcap: 2 });
        return reduce(multiply(multiply(y, y), seeded(device, y.shape, 5)).reshape([y.size]), 'sum');
      };
      return Object.values(grad(loss)(given));
    },
  ),
  attentionCase(
    'everything at once',
    { causal: { offset: 2 }, window: [4, 0], sinkTokens: 1, softcap: 1.5, scale: 0.7, valid: 6 },
    { sizes: { H: 6, Hkv: 2 }, more: { slopes: [6], sinks: [6], bias: [1, 6, 5, 7] } },
  ),
];
