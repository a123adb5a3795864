import { configure, crossLayer, linear as linearAttention, multiHead } from '@headwise/attention-variants';
import { learned, rotary, t5 } from '@headwise/positional';
import {
  add,
  attention,
  createDevice,
  createReference,
  type Device,
  gather,
  layerNorm,
  linear,
  relu,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { assertClose, seeded, toleranceOf } from '@headwise/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Arrangement } from './arrangements/arrangement.ts';
import { branchNorm } from './arrangements/branch-norm.ts';
import { parallel, parallelOneNorm } from './arrangements/parallel.ts';
import { postNorm } from './arrangements/post-norm.ts';
import { preNorm } from './arrangements/pre-norm.ts';
import { sandwich } from './arrangements/sandwich.ts';
import { type BlockOptions, block } from './block.ts';
import { createEncoder, type Encoder, type EncoderParts, encoderParameters } from './encoder.ts';
import type { Weights } from './part.ts';
import { createReluMlp } from './parts/feed-forward.ts';
import { createLayerNorm } from './parts/norms.ts';

const shape = { V: 20, E: 16, H: 4, D: 4, layers: 2 };
const ids = [3, 1, 4, 1, 5, 9, 2];

const tinyBlock: BlockOptions = {
  attention: configure(multiHead, { causal: false }),
  mlp: createReluMlp({ F: 24 }),
  norm: createLayerNorm(),
  arrange: postNorm,
};

/** Weights of which none is 1 or 0, so that none can be left out unseen. */
function weightsOf(device: Device, parts: EncoderParts): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(encoderParameters(parts)).map(([name, size], i) => [name, seeded(device, size, i + 1)]),
  );
}

function tinyEncoder(
  device: Device,
  { blocks, ...changes }: Partial<Omit<EncoderParts, 'blocks'>> & { blocks?: Partial<BlockOptions> } = {},
): { readonly encoder: Encoder; readonly weights: Weights } {
  const parts = { shape, blocks: block({ ...tinyBlock, ...blocks }), ...changes };
  const weights = weightsOf(device, parts);
  return { encoder: createEncoder({ ...parts, device, weights }), weights };
}

/** A block's parts and norms by hand, from operations alone. */
function byHand(weights: Weights, layer: number) {
  const of = (name: string): Tensor => weights[`layers.${layer}.${name}`]!;
  const heads = (x: Tensor): Tensor => x.reshape([1, x.shape[1]!, 4, 4]);
  return {
    attend: (x: Tensor): Tensor => {
      const [q, k, v] = ['q', 'k', 'v'].map((name) => heads(linear(x, of(`attention.${name}`))));
      // no mask at all: each token sees all
      const out = attention({ q: q!, k: k!, v: v! } as never, { causal: false });
      return linear(out.reshape([1, x.shape[1]!, 16]), of('attention.o'));
    },
    mlp: (x: Tensor): Tensor => {
      const inner = relu(linear(x, of('mlp.up'), { bias: of('mlp.up.bias') }));
      return linear(inner, of('mlp.down'), { bias: of('mlp.down.bias') });
    },
    norm: (name: string, x: Tensor): Tensor =>
      layerNorm(x, { weight: of(`${name}.weight`), bias: of(`${name}.bias`), eps: 1e-5 }),
  };
}

type Hand = ReturnType<typeof byHand>;

/** What each arrangement says it computes, written out. */
const formulas: Readonly<Record<string, readonly [Arrangement, (x: Tensor, hand: Hand) => Tensor]>> = {
  'pre-norm': [
    preNorm,
    (x, { attend, mlp, norm }) => {
      const h = add(x, attend(norm('attentionNorm', x)));
      return add(h, mlp(norm('mlpNorm', h)));
    },
  ],
  'post-norm': [
    postNorm,
    (x, { attend, mlp, norm }) => {
      const h = norm('attentionNorm', add(x, attend(x)));
      return norm('mlpNorm', add(h, mlp(h)));
    },
  ],
  sandwich: [
    sandwich,
    (x, { attend, mlp, norm }) => {
      const h = add(x, norm('attentionPostNorm', attend(norm('attentionNorm', x))));
      return add(h, norm('mlpPostNorm', mlp(norm('mlpNorm', h))));
    },
  ],
  'branch-norm': [
    branchNorm,
    (x, { attend, mlp, norm }) => {
      const h = add(x, norm('attentionNorm', attend(x)));
      return add(h, norm('mlpNorm', mlp(h)));
    },
  ],
  parallel: [
    parallel,
    (x, { attend, mlp, norm }) => add(add(x, attend(norm('attentionNorm', x))), mlp(norm('mlpNorm', x))),
  ],
  'parallel-one-norm': [
    parallelOneNorm,
    (x, { attend, mlp, norm }) => add(add(x, attend(norm('norm', x))), mlp(norm('norm', x))),
  ],
};

it.each(Object.keys(formulas))('a block in %s order is its formula, its attention sees all', async (name) => {
  const device = createReference();
  const [arrange, formula] = formulas[name]!;
  const { encoder, weights } = tinyEncoder(device, { blocks: { arrange } });
  const { hidden } = encoder.encode(ids);
  let x: Tensor = gather(weights.embed!, tensor(device, Int32Array.from(ids), [1, ids.length]));
  for (let layer = 0; layer < shape.layers; layer++) x = formula(x, byHand(weights, layer));
  expect(arrange.name).toBe(name);
  assertClose(await hidden.data(), await x.data(), toleranceOf(device));
});

it.each([0, -1, Number.NaN, Infinity])('refuses an embedScale of %d', (embedScale) => {
  expect(() => tinyEncoder(createReference(), { embedScale })).toThrow(
    `encoder: embedScale must be a finite number > 0, got ${embedScale}`,
  );
});

it('adds kinds of token and positions, then the norm of the embeddings', async () => {
  const device = createReference();
  const table = seeded<'N E'>(device, [9, 16], 50);
  const { encoder, weights } = tinyEncoder(device, {
    types: 2,
    embedNorm: createLayerNorm(),
    embedScale: 3,
    position: learned({ table }),
    norm: createLayerNorm(),
  });
  const kinds = [0, 0, 0, 1, 1, 1, 1];
  const own = async (types?: readonly (readonly number[])[]) =>
    encoder.encode([ids], { types }).hidden.data();
  const ints = (list: readonly number[]) => tensor<'B L'>(device, Int32Array.from(list), [1, list.length]);
  const rows = async (name: Tensor, list: readonly number[]) => gather(name, ints(list)).data();
  const wanted = async (list: readonly number[]) => {
    const [embed, type, place] = [
      await rows(weights.embed!, ids),
      await rows(weights.types!, list),
      await rows(table, [0, 1, 2, 3, 4, 5, 6]),
    ];
    const sum = Float32Array.from(embed, (value, n) => 3 * value + type[n]! + place[n]!);
    const normed = (x: Tensor, name: string) =>
      layerNorm(x, { weight: weights[`${name}.weight`]!, bias: weights[`${name}.bias`]!, eps: 1e-5 });
    let x = normed(tensor(device, sum, [1, 7, 16]), 'embedNorm');
    for (let layer = 0; layer < 2; layer++) x = formulas['post-norm']![1](x, byHand(weights, layer));
    return normed(x, 'norm').data();
  };
  assertClose(await own([kinds]), await wanted(kinds), { atol: 1e-5, rtol: 1e-5 });
  assertClose(await own(), await wanted(kinds.map(() => 0)), { atol: 1e-5, rtol: 1e-5 });
});

describe.each(['reference', 'wasm', 'gpujs:webasm'])('on %s', (name) => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice(name);
  });
  afterAll(() => device.dispose());

  const wholes: Readonly<Record<string, (on: Device) => Partial<BlockOptions>>> = {
    'no positions': () => ({}),
    rotary: () => ({ position: rotary() }),
    t5: (on) => ({
      position: t5({ table: seeded<'N H'>(on, [8, 4], 9), bidirectional: true, maxDistance: 6 }),
    }),
    'linear attention': () => ({ attention: configure(linearAttention, { causal: false }) }),
    'shared keys': () => ({ attention: configure(crossLayer, { causal: false, factor: 2 }) }),
  };

  it.each(Object.keys(wholes))('reads texts of different lengths each as if alone: %s', async (kind) => {
    const { encoder } = tinyEncoder(device, { blocks: wholes[kind]!(device) });
    const rows = [ids.slice(0, 3), ids, [7]];
    const { hidden, positions } = encoder.encode(rows);
    expect(hidden.shape).toEqual([3, 7, 16]);
    expect([...positions.host.subarray(14)]).toEqual([0, -1, -1, -1, -1, -1, -1]);
    const together = await hidden.data();
    for (const [b, row] of rows.entries()) {
      const alone = await encoder.encode(row).hidden.data();
      const got = together.subarray(b * 7 * 16, (b * 7 + row.length) * 16);
      assertClose(got, alone, toleranceOf(device, 2e-5));
    }
  });

  it.each(Object.keys(wholes))('keeps nothing, also of a run that is refused or fails: %s', (kind) => {
    const { encoder } = tinyEncoder(device, { blocks: wholes[kind]!(device) });
    const encode = (): void => {
      const { hidden, positions } = encoder.encode([ids, [1]]);
      hidden.dispose();
      positions.tensor.dispose();
    };
    encode();
    const { buffers, liveBytes } = device.memory;
    encode();
    const look = (): never => {
      throw new Error('seen enough');
    };
    expect(() => encoder.encode(ids, { look })).toThrow('seen enough');
    expect(() => encoder.encode(ids, { signal: AbortSignal.abort() })).toThrow('abort');
    expect(() => encoder.encode([[20]])).toThrow('must be a whole number from 0 to 19');
    expect(() => encoder.encode([ids, []])).toThrow('encoder: ids must be rows of at least one token');
    expect(() => encoder.encode([])).toThrow('encoder: ids must be rows of at least one token');
    expect(() => encoder.encode([ids], { types: [ids] })).toThrow('must be left out');
    expect(device.memory).toMatchObject({ buffers, liveBytes });
  });
});
