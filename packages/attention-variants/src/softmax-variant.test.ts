import {
  binary,
  createPositions,
  createReference,
  type Device,
  keep,
  type LayerState,
  linear,
  type PositionBias,
  type Rotation,
  rotary,
  type StateView,
  type Tensor,
  tensor,
  unary,
} from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { type ConfiguredVariant, configure } from './configure.ts';
import { checkVariant } from './conformance/index.ts';
import { plainStates } from './conformance/plain-states.ts';
import { crossLayer, groupedQuery, softmaxVariant } from './index.ts';
import { halfTurn } from './testing/decoder.ts';

const shape = { E: 8, H: 4, D: 4, layers: 2 };

/** Turns the keys of a plain state itself, at positions `shift` further on, as a cache of its own positions does. */
function turning(inner: LayerState, rotation: Rotation, shift: number): LayerState {
  let view: StateView | undefined;
  return Object.assign(Object.create(inner) as LayerState, {
    turnsKeys: true,
    append(rows: Readonly<Record<string, Tensor>>) {
      const start = inner.length;
      const plain = inner.append(rows);
      const device = rows.k!.device;
      const k = plain.rows.k!;
      const all = createPositions(device, { start: shift, L: k.shape[1]! });
      const turned = keep(rotation.rotate(k, k, all).k);
      const turnQueriesAt = createPositions(device, { start: start + shift, L: rows.k!.shape[1]! });
      keep(turnQueriesAt.tensor);
      view = { ...plain, rows: { ...plain.rows, k: turned }, turnQueriesAt };
      return view;
    },
    view: () => view!,
  });
}

const attentionOf = (one: boolean): ConfiguredVariant =>
  one ? configure(groupedQuery, { Hkv: 2 }) : configure(crossLayer, { Hkv: 2 });

function run(device: Device, states: readonly LayerState[], position: Rotation | PositionBias, one: boolean) {
  const attention = attentionOf(one);
  const outs: Tensor[] = [];
  let start = 0;
  for (const L of [4, 1, 2]) {
    const positions = createPositions(device, { start, L });
    states.forEach((state, layer) => {
      const weights = Object.fromEntries(
        Object.entries(attention.parameters(shape, layer)).map(([name, size], i) => [
          name,
          seeded(device, size, i),
        ]),
      );
      const x = seeded<'B L E'>(device, [1, L, 8], start + 40);
      outs.push(attention.layer({ x, weights, state, positions, position, shape, layer }).y);
    });
    start += L;
  }
  return Promise.all(outs.map((y) => y.data()));
}

it.each([true, false])('turns queries where a cache turns keys (one layer: %s)', async (one) => {
  const device = createReference();
  const rotation = halfTurn(device, 4, []);
  const attention = attentionOf(one);
  const specs = (one ? [0] : [0, 1]).map((layer) => attention.kv(shape, layer));
  const plain = plainStates(device, 1, specs);
  const [own] = plainStates(device, 1, specs);
  const cache = turning(own!, rotation, 5);
  const shared = Object.assign(Object.create(plain[1] ?? cache) as LayerState, { view: () => cache.view() });
  const turned = one ? [cache] : [cache, shared];
  // a rotation is relative: the same numbers, five positions on
  const wanted = await run(device, plain, rotation, one);
  const got = await run(device, turned, rotation, one);
  got.forEach((values, i) => {
    assertClose(values, wanted[i]!, { atol: 1e-6 });
  });
});

it('turns queries alone where the rotation can', async () => {
  const device = createReference();
  const made: Tensor[] = [];
  const both = halfTurn(device, 4, made);
  const calls: string[] = [];
  const [cos, sin] = made as [Tensor, Tensor];
  const rotation: Rotation = {
    ...both,
    turn(x, positions, side) {
      calls.push(side);
      return rotary(x, { cos, sin }, positions.tensor);
    },
  };
  const attention = configure(crossLayer, { Hkv: 2 });
  const specs = [0, 1].map((layer) => attention.kv(shape, layer));
  const wanted = await run(device, plainStates(device, 1, specs), both, false);
  const got = await run(device, plainStates(device, 1, specs), rotation, false);
  expect(calls).toEqual(['q', 'q', 'q']);
  got.forEach((values, i) => {
    assertClose(values, wanted[i]!, { atol: 1e-6 });
  });
});

it('hands a bias the offset and the buffer it is for', async () => {
  const device = createReference();
  const asked: number[][] = [];
  const bias: PositionBias = {
    kind: 'bias',
    name: 'test',
    bias(on, H, Lq, Lk, offset) {
      asked.push([H, Lq, Lk, offset]);
      return { slopes: tensor<'H'>(on, [0.5, 0.25, 0.125, 0], [4]) };
    },
  };
  const attention = configure(groupedQuery, { Hkv: 2 });
  const states = plainStates(device, 1, [attention.kv(shape, 0)]);
  const [first] = await run(device, states, bias, true);
  expect(asked).toEqual([
    [4, 4, 8, 0],
    [4, 1, 8, 4],
    [4, 2, 8, 5],
  ]);
  const [without] = await run(
    device,
    plainStates(device, 1, [attention.kv(shape, 0)]),
    halfTurn(device, 4, []),
    true,
  );
  expect(first).not.toEqual(without);
});

/** Qiu et al. 2025, "Gated Attention for Large Language Models", eq. 5, as somebody outside writes it. */
const gatedOutput = softmaxVariant({
  name: 'gated-output',
  title: 'Attention with a gate on its output',
  summary: 'A number from the token itself opens or closes each number of its output.',
  paper: {
    title: 'Gated Attention for Large Language Models',
    authors: 'Qiu et al.',
    year: 2025,
    arxiv: '2505.06708',
  },
  defaults: { Hkv: undefined as number | undefined },
  score: () => ({ causal: true }),
  parameters: ({ E, H, D, Dv = D }) => ({ gate: [H * Dv, E] }),
  row: {
    finish: (out, { gate }, _options, _layer, x) =>
      x ? binary(out, unary(linear(x, gate!), 'sigmoid').reshape(out.shape), 'multiply') : out,
  },
});

checkVariant(gatedOutput, { devices: ['reference', 'gpujs:cpu'] });

it('gives the last touch on the output what the layer was given', async () => {
  const device = createReference();
  const attention = configure(gatedOutput);
  const weights = Object.fromEntries(
    Object.entries(attention.parameters(shape, 0)).map(([name, size], i) => [name, seeded(device, size, i)]),
  );
  const call = { weights, positions: createPositions(device, { start: 0, L: 5 }), shape, layer: 0 };
  const x = seeded<'B L E'>(device, [1, 5, 8], 30);
  const yOf = async (variant: ConfiguredVariant, o: Tensor): Promise<Float32Array> => {
    const [state] = plainStates(device, 1, [variant.kv(shape, 0)]);
    const { y } = variant.layer({ ...call, x, weights: { ...weights, o }, state: state! });
    return (await y.data()) as Float32Array;
  };
  // an output projection of ones at a place reads that place; H · Dv = 16
  const reads = Array.from({ length: 8 * 16 }, (_, n) => (n % 16 === Math.floor(n / 16) ? 1 : 0));
  const o = tensor<'O I'>(device, reads, [8, 16]);
  const plain = await yOf(configure(groupedQuery, { Hkv: 4 }), o);
  const gated = await yOf(attention, o);
  const gate = (await weights.gate!.data()) as Float32Array;
  const given = (await x.data()) as Float32Array;
  for (let token = 0; token < 5; token++) {
    for (let place = 0; place < 8; place++) {
      let open = 0;
      for (let e = 0; e < 8; e++) open += gate[place * 8 + e]! * given[token * 8 + e]!;
      expect(gated[token * 8 + place]!).toBeCloseTo(plain[token * 8 + place]! / (1 + Math.exp(-open)), 5);
    }
  }
});
