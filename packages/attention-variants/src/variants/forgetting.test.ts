import { createReference, type Device, tensor } from '@headwise/tensor';
import { assertClose, openDevices, seeded, seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/forgetting.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { logSigmoid } from '../wiring.ts';
import { forgetting } from './forgetting.ts';
import { multiHead } from './multi-head.ts';

checkVariant(forgetting, {
  golden,
  options: { Hkv: 2 },
  except: { 'a bias counts': 'a token that is hidden still has a gate, one that is not there has none' },
});

/** `x` and `forget` that give each gate this logarithm, far below 0. */
const gated = (device: Device, L: number, log: number) => {
  const x = tensor<'B L E'>(device, new Float32Array(L).fill(1), [1, L, 1]);
  const forget = tensor(device, [-Math.log(Math.expm1(-log))], [1, 1]);
  return { x, weights: { forget, 'forget.bias': tensor(device, [0], [1]) } };
};

it('is multi-head attention where nothing is forgotten', async () => {
  const device = createReference();
  const q = seeded(device, [1, 9, 2, 4], 1);
  const weights = { forget: tensor(device, [0, 0], [2, 1]), 'forget.bias': tensor(device, [60, 60], [2]) };
  const x = tensor<'B L E'>(device, new Float32Array(9), [1, 9, 1]);
  const want = await multiHead.attend({ q, k: q, v: q }).out.data();
  for (const call of [{ x, weights }, { weights }]) {
    const { out } = forgetting.attend({ q, k: q, v: q, ...call });
    assertClose(await out.data(), want, { atol: 1e-7, rtol: 1e-7 });
  }
});

it('forgets everything but the token itself where gates are shut', async () => {
  const device = createReference();
  const q = seeded(device, [1, 300, 1, 4], 1);
  const { out } = forgetting.attend({ q, k: q, v: q, ...gated(device, 300, -80) });
  assertClose(await out.data(), await q.data(), { atol: 1e-7, rtol: 0 });
});

it('knows gates that are nearly open to the last bits, on every device', { timeout: 300_000 }, async () => {
  const x = [-90, -3, 0, 3, 9, 12, 14, 30];
  const want = x.map((value) => Math.min(value, 0) - Math.log1p(Math.exp(-Math.abs(value))));
  for (const device of await openDevices({ only: ['reference', 'wasm', 'gpujs:webasm'] })) {
    const got = (await logSigmoid(tensor(device, x, [8])).data()) as Float32Array;
    assertClose(got, want, { atol: 1e-30, rtol: 1e-5 });
    device.dispose();
  }
});

// a running sum would be −26 214 at the end, where float32 tells apart steps of 0.002
it('is as exact far into a long text as near its beginning, on every device', {
  timeout: 300_000,
}, async () => {
  const L = 65_536;
  const devices = await openDevices({ only: ['reference', 'wasm', 'gpujs:webasm'] });
  const last = async (device: Device, tokens: number): Promise<Float32Array> => {
    const [k, v] = [3, 4].map((seed) => {
      const all = seededValues(L * 2, seed).subarray((L - tokens) * 2);
      return tensor(device, Float32Array.from(all), [1, tokens, 1, 2]);
    });
    const { out } = forgetting.attend({
      q: tensor(device, [0.5, -0.25], [1, 1, 1, 2]),
      k: k!,
      v: v!,
      ...gated(device, tokens, -0.4),
    });
    return (await out.data()) as Float32Array;
  };
  const want = await last(createReference(), 512);
  for (const device of devices) {
    assertClose(await last(device, L), want, { atol: 2e-6, rtol: 1e-5 });
    device.dispose();
  }
});

it('asks for the tokens of the keys, and refuses what its softmax does not see', () => {
  const device = createReference();
  const q = seeded(device, [1, 2, 1, 4], 1);
  const k = seeded(device, [1, 3, 1, 4], 2);
  const call = gated(device, 2, -1);
  expect(() => forgetting.attend({ q, k, v: k, ...call })).toThrow(
    'forgetting: x must have the 3 tokens of k, which all have a gate: use the layer form to decode, got "2 tokens"',
  );
  expect(() => forgetting.attend({ q, k: q, v: q, ...call, extras: ['lse'] })).toThrow(
    'forgetting: extras is known but for a number a row, which the softmax does not see; ask for weights, got "lse"',
  );
});
