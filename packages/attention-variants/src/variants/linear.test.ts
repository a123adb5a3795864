import { createDevice, createReference, tensor, zeros } from '@headwise/tensor';
import { assertClose, seeded, seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/linear.json' with { type: 'json' };
import { checkVariant, summedUp } from '../conformance/index.ts';
import { linearAttention } from '../ops/linear-attention.ts';
import { linear } from './linear.ts';

checkVariant(linear, {
  golden,
  except: summedUp,
});

it.each([1, 63, 64, 65, 200])(
  'in parallel over %i tokens equals the recurrence, state included',
  async (L) => {
    const device = await createDevice('gpujs:webasm');
    const reference = createReference();
    const results = await Promise.all(
      [reference, device].map(async (on) => {
        const q = seeded<'B L H D'>(on, [2, L, 4, 3], 1);
        const k = seeded<'B L Hkv D'>(on, [2, L, 2, 3], 2);
        const v = seeded<'B L Hkv Dv'>(on, [2, L, 2, 5], 3);
        const S = seeded<'B Hkv D Dv'>(on, [2, 2, 3, 5], 4);
        const z = zeros<'B Hkv D'>(on, [2, 2, 3]);
        const {
          out,
          S: after,
          z: norm,
        } = linearAttention({ q, k, v, S, z }, { feature: 'elu+1', eps: 1e-3 });
        return Promise.all([out.data(), after.data(), norm!.data()]);
      }),
    );
    results[0]!.forEach((want, i) => {
      assertClose(results[1]![i]!, want, { atol: 1e-4, rtol: 1e-4 });
    });
    device.dispose();
  },
);

it('leaves earlier rows alone when a later token is NaN, within a chunk and across', async () => {
  const device = await createDevice('gpujs:webasm');
  const values = (poisoned: boolean) => {
    const data = seededValues(100 * 4, 5);
    if (poisoned) data.fill(Number.NaN, 70 * 4, 71 * 4);
    return tensor(device, data, [1, 100, 1, 4]);
  };
  const attend = async (poisoned: boolean) => {
    const k = values(poisoned);
    return (await linear.attend({ q: values(false), k, v: k }).out.data()).slice(0, 70 * 4);
  };
  expect(await attend(true)).toEqual(await attend(false));
  device.dispose();
});

it('keeps a state of one size', () => {
  const shape = { E: 8, H: 4, D: 3, Dv: 5, layers: 1 };
  expect(linear.kv(shape, { ...linear.defaults, Hkv: 2 }, 0)).toMatchObject({
    kind: 'recurrent',
    rows: {},
    constant: { S: [2, 3, 5], z: [2, 3] },
  });
  const step = (Lk: number) => linear.cost(shape, linear.defaults, { B: 1, Lq: 1, Lk, layer: 0 });
  expect(step(10_000)).toEqual(step(1));
});

it('refuses what acts on scores', () => {
  const device = createReference();
  const q = seeded(device, [1, 3, 2, 4], 1);
  expect(() => linear.attend({ q, k: q, v: q, slopes: seeded<'H'>(device, [2], 2) })).toThrow(
    'linear: slopes has no meaning here: there are no scores to act on, got "one"',
  );
  expect(() => linear.attend({ q, k: q, v: q, extras: ['weights'] })).toThrow(
    'linear: extras cannot be returned: there is no softmax and no score, got [weights]',
  );
});
