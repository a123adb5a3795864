import { createReference, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/gated-delta.json' with { type: 'json' };
import { configure } from '../configure.ts';
import { checkVariant, Probe, summedUp } from '../conformance/index.ts';
import { gatedDelta } from './gated-delta.ts';

checkVariant(gatedDelta, {
  golden,
  shape: { E: 12, H: 4, D: 4, Dv: 3, layers: 2 },
  options: { Hk: 2 },
  except: summedUp,
});

it('answers a key with the value it was written last', async () => {
  const device = createReference();
  // two tokens of one key: plain linear attention would answer with the sum of their values
  const k = seeded(device, [1, 1, 2, 4], 1);
  const row = await k.data();
  const [one, other] = [row.subarray(0, 4), row.subarray(4)];
  const keys = Float32Array.from([...one, ...other, ...one, ...other]);
  const twice = tensor(device, keys, [1, 2, 2, 4]) as Tensor;
  const v = seeded(device, [1, 2, 2, 4], 2);
  const { out } = gatedDelta.attend({ q: twice, k: twice, v });
  const written = (await v.data()).slice(8);
  // 1 / √D, D = 4
  assertClose(
    (await out.data()).slice(8),
    written.map((value) => value / 2),
    { atol: 1e-4, rtol: 1e-4 },
  );
});

it('keeps a state of one size, and the rows that the convolution reaches back to', () => {
  const shape = { E: 8, H: 4, D: 3, Dv: 5, layers: 1 };
  const attention = configure(gatedDelta, { Hk: 2 });
  expect(attention.kv(shape, 0)).toMatchObject({
    kind: 'recurrent',
    rows: {},
    constant: { S: [4, 3, 5], tail: [3, 2 * 2 * 3 + 4 * 5] },
  });
  const step = (Lk: number) => attention.cost(shape, { B: 1, Lq: 1, Lk, layer: 0 });
  expect(step(10_000)).toEqual(step(1));
});

it('gives the same in calls shorter than its convolution', async () => {
  const probe = new Probe(createReference(), gatedDelta, { options: { kernel: 7 } });
  const whole = await probe.layers([9]);
  assertClose(await probe.layers([2, 1, 3, 1, 2]), whole, probe.tolerance);
});

it('refuses heads that do not divide, and a convolution of one token', () => {
  const shape = { E: 8, H: 4, D: 2, layers: 1 };
  expect(() => configure(gatedDelta, { Hk: 3 }).check(shape)).toThrow(
    'gated-delta: H = 4 heads of values cannot be split among Hk = 3 heads of keys: Hk must divide H',
  );
  expect(() => configure(gatedDelta, { kernel: 1 }).check(shape)).toThrow(
    'gated-delta: kernel must be at least 2: 1 mixes a token with none, got 1',
  );
  expect(() => configure(gatedDelta, { eps: -1 }).check(shape)).toThrow(
    'gated-delta: eps must be a number ≥ 0, got -1',
  );
});

it('refuses what acts on scores, and gates without their weights', () => {
  const device = createReference();
  const q = seeded(device, [1, 3, 2, 4], 1);
  expect(() => gatedDelta.attend({ q, k: q, v: q, slopes: seeded<'H'>(device, [2], 2) })).toThrow(
    'gated-delta: slopes has no meaning here: there are no scores to act on, got "one"',
  );
  const x = seeded<'B L E'>(device, [1, 3, 8], 2);
  expect(() => gatedDelta.attend({ q, k: q, v: q, x })).toThrow(
    'gated-delta: weights["beta"] must be given: this variant\'s score learns beta, forget, forget.bias, logRate',
  );
});
