import { createPositions, createReference, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import golden from '../../golden/cross-layer.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { laws } from '../conformance/laws.ts';
import { Probe } from '../conformance/probe.ts';
import { crossLayer } from './cross-layer.ts';
import { sharingPatterns } from './cross-layer-patterns.ts';

checkVariant(crossLayer, { golden, options: { Hkv: 2 } });

it('keeps nothing in a consumer, and has no k and v there', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 4 };
  expect(crossLayer.kv(shape, crossLayer.defaults, 1)).toEqual({
    kind: 'shared',
    rows: {},
    cap: Infinity,
    constant: {},
    producer: '0.self',
  });
  expect(Object.keys(crossLayer.parameters(shape, crossLayer.defaults, 1))).toEqual(['q', 'o']);
  expect(Object.keys(crossLayer.parameters(shape, crossLayer.defaults, 2))).toEqual(['q', 'k', 'v', 'o']);
});

it('reads as much as multi-head attention: sharing saves storage, not reads', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 4 };
  const reads = (layer: number) =>
    crossLayer.cost(shape, crossLayer.defaults, { B: 1, Lq: 1, Lk: 100, layer }).stateReads;
  expect([reads(0), reads(1)]).toEqual([1600, 1600]);
});

it('runs every pattern of the paper', async () => {
  const device = createReference();
  for (const pattern of sharingPatterns) {
    const probe = new Probe(device, crossLayer, {
      options: { pattern },
      shape: { E: 8, H: 2, D: 4, layers: 6 },
    });
    await laws['prefill = chunks = decode'](probe);
  }
});

it('refuses a state whose producer is another layer', () => {
  const device = createReference();
  const probe = new Probe(device, crossLayer, { shape: { E: 8, H: 2, D: 4, layers: 4 } });
  const wrong = new Probe(device, crossLayer, { shape: probe.shape, options: { factor: 4 } });
  const layer = 3;
  const call = {
    x: tensor<'B L E'>(device, new Float32Array(16), [2, 1, 8]),
    weights: probe.weights(layer),
    positions: createPositions(device, { start: 0, L: 1 }),
    shape: probe.shape,
    options: probe.options,
    layer,
  };
  expect(() => crossLayer.layer({ ...call, state: wrong.states()[layer]! })).toThrow(
    'cross-layer: state must keep shared with 2.self; make it from kv(shape, options, 3), got "one that keeps shared with 0.self"',
  );
});

it('refuses producers that do not exist, come later or have nothing of their own', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 4 };
  const check = (pattern: readonly number[], factor?: number) => () =>
    crossLayer.check(shape, { ...crossLayer.defaults, pattern, factor });
  expect(check([0, 0, 7, 3])).toThrow(
    'cross-layer: the producer of layer 2 does not exist: it must be a layer from 0 to 3, got 7',
  );
  expect(check([0, 2, 2, 3])).toThrow(
    'cross-layer: the producer of layer 1 comes later: it must be layer 1 or an earlier one, got 2',
  );
  expect(check([0, 0, 1, 3])).toThrow(
    'cross-layer: the producer of layer 2 has no keys and values of its own: it reads layer 0, got 1',
  );
  expect(check([0, 0, 2])).toThrow(
    'cross-layer: pattern must name the producer of each of the 4 layers, got [0, 0, 2]',
  );
  expect(check([0, 0, 2, 2], 2)).toThrow(
    'cross-layer: factor must be left out when pattern lists the producers, got 2',
  );
  expect(check([0, 0, 2, 2])).not.toThrow();
});
