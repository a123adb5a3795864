import {
  configure,
  crossAttention,
  groupedQuery,
  linear,
  multiHead,
  multiHeadLatent,
} from '@headwise/attention-variants';
import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { parallelOneNorm } from './arrangements/parallel.ts';
import { sandwich } from './arrangements/sandwich.ts';
import { block } from './block.ts';
import { decoderParameters } from './decoder.ts';
import { createGeluMlp, createSwiglu } from './parts/feed-forward.ts';
import { createLayerNorm, createRmsNorm } from './parts/norms.ts';
import { randomWeights } from './random-weights.ts';

const shape = {
  V: 40,
  E: 64,
  H: 4,
  D: 16,
  layers: 3,
  biases: ['q', 'k', 'v', 'o'],
  headNorm: { over: 'head', eps: 1e-6 },
  gate: 'number',
} as const;
const common = { mlp: createSwiglu({ F: 96 }), norm: createLayerNorm() };
const blocks = [
  block({ ...common, attention: configure(groupedQuery, { Hkv: 2 }), arrange: sandwich }),
  block({
    ...common,
    attention: configure(multiHead),
    cross: configure(crossAttention),
    mlp: createGeluMlp({ F: 96 }),
    arrange: parallelOneNorm,
  }),
  block({ ...common, attention: configure(linear) }),
];

const kindOf = (name: string): string =>
  name.endsWith('bias') ? 'zeros' : /(\bnorm|[a-z]Norm)(\.weight)?$/.test(name) ? 'ones' : 'normal';

it('makes ones of the gains of norms, zeros of biases, normal numbers of the rest', async () => {
  const parameters = decoderParameters({
    shape,
    blocks: (layer) => blocks[layer]!,
    norm: createRmsNorm(),
    headBias: true,
    tied: false,
  });
  // of every kind that there is
  for (const name of [
    'layers.0.attentionPostNorm.weight',
    'layers.0.attention.qNorm',
    'layers.0.attention.kNorm',
    'layers.0.attention.gate',
    'layers.1.norm.weight',
    'layers.1.norm.bias',
    'layers.1.cross.o.bias',
    'layers.1.mlp.up.bias',
    'layers.2.mlp.gate',
    'norm.weight',
    'head.bias',
  ])
    expect(Object.keys(parameters)).toContain(name);
  const weights = randomWeights(createReference(), parameters);
  for (const [name, weight] of Object.entries(weights)) {
    const values = [...(await weight.data())];
    const kind = kindOf(name);
    if (kind !== 'normal') {
      expect([name, ...new Set(values)]).toEqual([name, kind === 'ones' ? 1 : 0]);
      continue;
    }
    const width = parameters[name]!.at(-1)!;
    const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    // 640 numbers and more: their variance is within a fifth of what it is drawn with
    expect([name, Math.abs(square * width - 1) < 0.25]).toEqual([name, true]);
  }
});

it('makes the gains of the norms inside latent attention ones', async () => {
  const attention = configure(multiHeadLatent, { latent: 8, rope: 4, queryLatent: 8 });
  const parameters = attention.parameters({ E: 16, H: 2, D: 8, layers: 1 }, 0);
  const weights = randomWeights(createReference(), parameters);
  const gains = Object.entries(parameters).filter(([, size]) => size.length === 1);
  expect(gains.length).toBeGreaterThan(0);
  for (const [name] of gains) expect([name, ...new Set(await weights[name]!.data())]).toEqual([name, 1]);
});

it('makes the same of the same seed, and other numbers of another', async () => {
  const device = createReference();
  const parameters = { a: [4, 4], b: [4, 4] };
  const of = async (seed?: number) => {
    const { a, b } = randomWeights(device, parameters, { seed });
    return [...(await a!.data()), ...(await b!.data())];
  };
  const first = await of(1);
  expect(await of()).toEqual(first);
  expect(await of(2)).not.toEqual(first);
  expect(new Set(first).size).toBe(32);
});
