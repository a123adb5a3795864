import { createReference, type LayerSpec } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { bytesOfStates, createStates, kv, specsOf } from './index.ts';

// Brandon et al. 2024, Tables 1, 3 and 5: [model, D, Hkv, layers, share, bytes a token at 16 bits]
const keepEnds = [0, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15, 17, 17, 19];
const denseFront = [...Array(10).keys(), ...Array(9).fill(9), 19];
// the text says that the run is 10 layers long, which would make 21; the table's 11 storing layers leave 9
const denseBack = [0, 1, ...Array(9).fill(1), 11, 12, 13, 14, 15, 16, 17, 18, 19];
const claTables: readonly [string, number, number, number, number | number[], number][] = [
  ['H128-MHA', 128, 16, 20, 1, 163840],
  ['H128-GQA4', 128, 4, 20, 1, 40960],
  ['H128-GQA2', 128, 2, 20, 1, 20480],
  ['H128-MQA', 128, 1, 20, 1, 10240],
  ['H64-MQA', 64, 1, 20, 1, 5120],
  ['H46-MQA', 46, 1, 20, 1, 3680],
  ['H32-MQA', 32, 1, 20, 1, 2560],
  ['H512-MQA-CLA2', 512, 1, 20, 2, 20480],
  ['H256-MQA-CLA2', 256, 1, 20, 2, 10240],
  ['H128-MQA-CLA2', 128, 1, 20, 2, 5120],
  ['H90-MQA-CLA2', 90, 1, 20, 2, 3600],
  ['H64-MQA-CLA2', 64, 1, 20, 2, 2560],
  ['H256-GQA4-CLA2', 256, 4, 20, 2, 40960],
  ['H128-GQA4-CLA2', 128, 4, 20, 2, 20480],
  ['H128-GQA2-CLA2', 128, 2, 20, 2, 10240],
  ['H128-MQA-CLA3', 128, 1, 20, 3, 3584],
  ['H128-MQA-CLA4', 128, 1, 20, 4, 2560],
  ['H128-MQA-CLA2-KeepEnds', 128, 1, 20, keepEnds, 5632],
  ['H128-MQA-CLA2-DenseFront', 128, 1, 20, denseFront, 5632],
  ['H128-MQA-CLA2-DenseBack', 128, 1, 20, denseBack, 5632],
  ['Table 3: H128-MQA', 128, 1, 20, 1, 10240],
  ['Table 3: H128-MQA-CLA2', 128, 1, 20, 2, 5120],
  ['Table 3: H64-MQA', 64, 1, 20, 1, 5120],
  ['Table 5: H128-MQA', 128, 1, 32, 1, 16384],
  ['Table 5: H128-MQA-CLA2', 128, 1, 32, 2, 8192],
  ['Table 5: H64-MQA', 64, 1, 32, 1, 8192],
];

it.each(claTables)('CLA: %s', (_, D, Hkv, layers, share, bytes) => {
  const footprint = kv({ layers, Hkv, D, share });
  expect(footprint.bytesPerToken('f16')).toBe(bytes);
  expect(footprint.bytes({ tokens: 2048, dtype: 'f16' })).toBe(2048 * bytes);
});

it('CLA3 over ten layers stores in layers 0, 1, 4 and 7', () => {
  const { layers } = kv({ layers: 10, Hkv: 1, D: 128, share: 3 });
  expect(layers.filter(({ producer }) => producer === undefined).map(({ layer }) => layer)).toEqual([
    0, 1, 4, 7,
  ]);
});

it('DeepSeek-V2: 34560 numbers a token, 69120 bytes at 16 bits, as much as 2.25 groups', () => {
  const mla = kv({ layers: 60, latent: { dc: 512, dR: 64 } });
  expect(mla.elementsPerToken).toBe(34560);
  expect(mla.bytesPerToken('f16')).toBe(69120);
  expect(mla.elementsPerToken / kv({ layers: 60, Hkv: 1, D: 128 }).elementsPerToken).toBe(2.25);
  // Table 9, in thousands: small MoE 110.6 against 15.6, large 860.2 against 34.6
  const thousands = (elements: number): number => Math.round(elements / 100) / 10;
  expect(thousands(kv({ layers: 27, Hkv: 16, D: 128 }).elementsPerToken)).toBe(110.6);
  expect(thousands(kv({ layers: 27, latent: { dc: 512, dR: 64 } }).elementsPerToken)).toBe(15.6);
  expect(thousands(mla.elementsPerToken)).toBe(34.6);
});

it('the figures of Raschka: GQA, sliding windows 5:1, latents', () => {
  const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(2);
  const at = { tokens: 32768, dtype: 'bf16' } as const;
  const heads = { layers: 32, D: 128 };
  const mixed = { ...heads, window: 1024, mix: [5, 1] } as const;
  expect(kv({ ...heads, Hkv: 32 }).bytes(at)).toBe(17179869184);
  expect(kv({ ...heads, Hkv: 8 }).bytes(at)).toBe(4294967296);
  expect(kv({ ...mixed, Hkv: 32 }).bytes(at)).toBe(3137339392);
  expect(kv({ ...mixed, Hkv: 8 }).bytes(at)).toBe(784334848);
  expect(kv({ ...mixed, Hkv: 8 }).layers.filter(({ kind }) => kind === 'full')).toHaveLength(5);

  const short = { tokens: 8192, dtype: 'bf16' } as const;
  const mha = kv({ layers: 48, Hkv: 24, D: Math.ceil(2048 / 24) }).bytes(short);
  const gqa = kv({ layers: 48, Hkv: 6, D: Math.ceil(2048 / 24) }).bytes(short);
  const mla = kv({ layers: 48, latent: { dc: 1024, dR: 0 } }).bytes(short);
  expect([mha, gqa, mla].map(gigabytes)).toEqual(['3.25', '0.81', '0.81']);
  expect(((1 - mla / mha) * 100).toFixed(2)).toBe('75.19');
});

it('Llama 3 8B: 131072 bytes a token at 16 bits', () => {
  expect(kv({ layers: 32, Hkv: 8, D: 128 }).bytesPerToken('f16')).toBe(131072);
});

it('packed rows carry a scale and a minimum a head and token, or a channel and group', () => {
  const model = kv({ layers: 2, Hkv: 2, D: 64 });
  expect(model.bytesPerToken('int8')).toBe(2 * 2 * (128 + 2 * 8));
  expect(model.bytesPerToken('int4')).toBe(2 * 2 * (64 + 2 * 8));
  const along = { bits: 4, along: 'channel', group: 32 } as const;
  expect(model.bytesPerToken(along)).toBe(2 * 2 * (64 + (128 * 8) / 32));
  // a group that has begun has its scales
  expect(model.bytes({ tokens: 33, dtype: along })).toBe(2 * 2 * (33 * 64 + 2 * 128 * 8));
  expect(kv({ layers: 1, Hkv: 1, D: 5 }).bytesPerToken('int4')).toBe(2 * (3 + 8));
});

const specs: readonly LayerSpec[] = [
  { kind: 'full', rows: { k: [2, 4], v: [2, 6] }, cap: Infinity, constant: {} },
  { kind: 'shared', rows: {}, cap: Infinity, constant: {}, producer: '0.self' },
  { kind: 'window', rows: { k: [1, 8], v: [1, 8] }, cap: 5, constant: {} },
  { kind: 'latent', rows: { latent: [7] }, cap: Infinity, constant: {} },
  { kind: 'recurrent', rows: {}, cap: Infinity, constant: { S: [2, 4, 4], z: [2, 4] } },
];

it('what a device allocates is what it computes, and the positions of a ring', () => {
  const device = createReference();
  const states = createStates(specs, { device, B: 3, capacity: 16 });
  const rows = kv(specs).bytes({ tokens: 16, B: 3 });
  expect(rows).toBe(3 * 4 * (16 * 20 + 5 * 16 + 16 * 7 + 40));
  expect(bytesOfStates(states).full).toBe(rows);
  expect(device.memory.liveBytes).toBe(rows + 5 * 4);
  expect(kv(specs).deviceBytes({ capacity: 16, B: 3 })).toBe(device.memory.liveBytes);
  expect(bytesOfStates(states).device).toBe(device.memory.liveBytes);
});

it('a layer that shares costs nothing and says whom it reads', () => {
  const { layers, storing, constantElements } = kv(specs);
  expect(storing).toBe(4);
  expect(constantElements).toBe(40);
  expect(layers[1]).toEqual({
    layer: 1,
    id: '1.self',
    kind: 'shared',
    rows: {},
    elementsPerToken: 0,
    constantElements: 0,
    cap: Infinity,
    producer: '0.self',
  });
  expect(kv(specs).layerBytes({ tokens: 10 })).toEqual([800, 0, 320, 280, 160]);
});

it.each([
  [() => kv({ layers: 0, Hkv: 1, D: 4 }), 'kv: layers must be a whole number ≥ 1, got 0'],
  [() => kv({ layers: 2, Hkv: 1.5, D: 4 }), 'kv: Hkv must be a whole number ≥ 1, got 1.5'],
  [
    () => kv({ layers: 2, Hkv: 1, D: 4, share: [0, 2] }),
    'kv: share[1] must be a layer from 0 to 1, one for each of 2, got 2',
  ],
  [
    () => kv({ layers: 2, Hkv: 1, D: 4 }).bytes({ tokens: -1 }),
    'kv: tokens must be a whole number ≥ 0, got -1',
  ],
  [
    () => kv({ layers: 1, Hkv: 1, D: 4 }).bytesPerToken('int3' as 'int4'),
    'kv: dtype must be f32, f16, bf16, Q8_0, Q4_0, Q4_1, int8, int4 or a quantization of 8 or 4 bits, got "int3"',
  ],
  [
    () => kv([specs[1]!, specs[0]!]),
    'kv: producer of 0.self must be the id of an earlier state that keeps something itself, got "0.self"',
  ],
  [
    () => kv([specs[0]!, { ...specs[2]!, cap: 0 }]),
    'kv: cap of 1.self must be a whole number ≥ 1 or Infinity, got 0',
  ],
])('refuses what cannot be (%#)', (act, message) => {
  expect(act).toThrow(message);
});

it('gives the specs of a config, the short group of a factor first', () => {
  expect(specsOf({ layers: 3, Hkv: 1, D: 2, share: 2 }).map(({ producer }) => producer)).toEqual([
    undefined,
    undefined,
    '1.self',
  ]);
});

it('says of a window how many first tokens it never forgets', () => {
  const window = { layers: 3, Hkv: 2, D: 4, window: 8, mix: [2, 1] } as const;
  expect(specsOf({ ...window, sinks: 3 }).map(({ kind, cap, sinks }) => [kind, cap, sinks])).toEqual([
    ['window', 11, 3],
    ['window', 11, 3],
    ['full', Infinity, undefined],
  ]);
  expect(specsOf(window)[0]).toEqual({
    kind: 'window',
    rows: { k: [2, 4], v: [2, 4] },
    cap: 8,
    constant: {},
  });
});
