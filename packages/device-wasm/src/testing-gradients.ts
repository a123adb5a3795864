import {
  type AttentionOptions,
  attentionWith,
  type Device,
  linear,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { compareGradients, type Differentiable, gradientCases, seeded } from '@headwise/tensor/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { KernelDevice } from './kernel-device.ts';

type Sizes = Readonly<Record<'B' | 'Lq' | 'Lk' | 'H' | 'Hkv' | 'D' | 'Dv', number>>;

/** Beyond tiles of 64 keys and blocks of 64 queries, at widths that fill no vector. */
const large: Sizes = { B: 2, Lq: 70, Lk: 133, H: 4, Hkv: 2, D: 5, Dv: 9 };

function attentionOf(
  options: AttentionOptions,
  sizes: Partial<Sizes> = {},
  learned: readonly ('slopes' | 'sinks' | 'bias')[] = [],
  others: (device: Device) => object = () => ({}),
): Differentiable {
  const { B, Lq, Lk, H, Hkv, D, Dv } = { ...large, ...sizes };
  const shapes = { slopes: [H], sinks: [H], bias: [1, H, Lq, Lk] };
  return {
    parameters: (device) => ({
      q: seeded(device, [B, Lq, H, D], 1),
      k: seeded(device, [B, Lk, Hkv, D], 2),
      v: seeded(device, [B, Lk, Hkv, Dv], 3),
      ...Object.fromEntries(learned.map((name, i) => [name, seeded(device, shapes[name], 4 + i)])),
    }),
    run(given, device) {
      const { out, lse } = attentionWith({ ...given, ...others(device) } as never, options, ['lse']);
      return [out, lse] as Tensor[];
    },
  };
}

/** Of more rows than a block of depth has, of which the last one is short. */
function projectionOf(inputs: number, outputs: number, transposed = false): Differentiable {
  return {
    parameters: (device) => ({
      x: seeded(device, [801, inputs], 1),
      weight: seeded(device, transposed ? [inputs, outputs] : [outputs, inputs], 2),
      bias: seeded(device, [outputs], 3),
    }),
    run: ({ x, weight, bias }) => [linear(x!, weight!, { bias, transposed })],
  };
}

const places = (device: Device, of: (n: number) => number, shape: readonly [number, number]): Tensor =>
  tensor(
    device,
    Int32Array.from({ length: shape[0] * shape[1] }, (_, n) => of(n)),
    shape,
  ) as never;

const cases: Readonly<Record<string, Differentiable>> = {
  'a projection of 801 rows, to 21 numbers': projectionOf(13, 21),
  'a projection of 801 rows, to 19 numbers, transposed': projectionOf(51, 19, true),
  'a projection of 801 rows, to one number': projectionOf(11, 1),
  'a projection of 801 rows, from one number': projectionOf(1, 11, true),
  'everything seen': attentionOf({}),
  'causal from an offset': attentionOf({ causal: { offset: 63 } }),
  'a prefix': attentionOf({ causal: true, prefix: 80 }, { Lq: 133 }),
  'a window and sink tokens': attentionOf({ causal: true, window: [20, 0], sinkTokens: 3 }, { Lq: 133 }),
  'a window on both sides': attentionOf({ window: [3, 9] }, { Lq: 133 }),
  'segments and anchors': attentionOf({ causal: true, segments: { length: 17, anchors: true } }, { Lq: 133 }),
  'segments alone': attentionOf({ segments: { length: 64, anchors: false } }, { Lq: 133 }),
  'slots in use': attentionOf({ valid: 65 }),
  'a softcap, slopes and sinks': attentionOf({ softcap: 1.2, scale: 2, causal: { offset: 63 } }, {}, [
    'slopes',
    'sinks',
  ]),
  'a bias that is given': attentionOf({ causal: { offset: 63 } }, {}, [], (d) => ({
    bias: seeded(d, [1, 1, 70, 133], 9),
  })),
  'a bias that is learned': attentionOf({ causal: { offset: 63 } }, {}, ['bias']),
  'positions of two sequences, nobody among them, and keys that end': attentionOf(
    { causal: true },
    {},
    ['slopes'],
    (d) => ({
      queryPositions: places(d, (n) => (n % 5 === 4 ? -1 : (n * 7) % 140), [2, 70]),
      keyPositions: places(d, (n) => (n % 6 === 1 ? -1 : (n * 11) % 137), [2, 133]),
      keyUntil: places(d, (n) => (n % 3) * 60, [1, 133]),
    }),
  ),
  'wide heads, each with keys of its own': attentionOf(
    { causal: true },
    { B: 1, Lq: 66, Lk: 66, H: 3, Hkv: 3, D: 40, Dv: 33 },
  ),
  'one query': attentionOf({}, { Lq: 1, H: 1, Hkv: 1 }),
};

/** Registers a test for each case, and for every operation that gradients pass through. */
export function checkGradientKernels(name: string, create: () => Promise<KernelDevice>): void {
  describe(`gradients equal the reference: ${name}`, () => {
    let device: KernelDevice;
    beforeAll(async () => {
      device = await create();
    });
    afterAll(() => device?.dispose());
    for (const [title, each] of Object.entries(cases))
      it(title, async () => {
        await compareGradients(device, each, { atol: 2e-5, rtol: 2e-4 });
        device.engine.heap.check();
      });
    for (const each of gradientCases)
      it(`${each.op}: ${each.name}`, async () => {
        await compareGradients(device, each);
        device.engine.heap.check();
      });
  });
}
