import { attentionOp, createReference } from '@headwise/tensor';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWasmWith, type WasmDevice } from './device.ts';
import { agree, type HostTensor, random, runOn } from './testing.ts';
import { randomCase } from './testing-attention.ts';

const setups = {
  'simd128, one thread, guarded': { simd: 'simd128', threads: 1, guard: 256 },
  'default instructions, two threads, shuffled': { threads: 2, guard: 256, shuffle: true },
} as const;

for (const [name, setup] of Object.entries(setups)) {
  let device: WasmDevice;
  beforeAll(async () => {
    device = await createWasmWith(setup);
  });
  afterAll(() => {
    expect(device.memory.buffers).toBe(0);
    device.engine.heap.check();
    device.dispose();
  });

  it.each(Array.from({ length: 120 }, (_, seed) => seed))(
    `equals the reference (${name}, case %i)`,
    async (seed) => {
      const { inputs, params } = randomCase(seed);
      await agree(device, attentionOp, inputs, params, { atol: 2e-5, rtol: 2e-5 });
    },
  );

  it.each([1, 40])(`a hidden key or value may hold anything (${name}, %i queries)`, async (Lq) => {
    const [Lk, H, D] = [200, 3, 16];
    const { inputs, params } = randomCase(0);
    const causal = {
      ...params,
      causal: true,
      offset: 90,
      before: 50,
      after: Infinity,
      sinkTokens: 0,
      softcap: 0,
      prefix: 0,
      valid: Lk,
      Dv: D,
      extras: [],
    };
    const q = random([1, Lq, H, D], 1);
    const k = random([1, Lk, H, D], 2);
    const v = random([1, Lk, H, D], 3);
    const poison = (host: HostTensor): HostTensor => {
      const data = host.data.slice();
      for (let j = 0; j < Lk; j++)
        if (j > 90 + Lq - 1 || j < 90 - 50) data.fill(j % 2 ? NaN : Infinity, j * H * D, (j + 1) * H * D);
      return { shape: host.shape, data };
    };
    expect(inputs.q).toBeDefined();
    const [clean] = await runOn(device, attentionOp, { q, k, v }, causal);
    const [poisoned] = await runOn(device, attentionOp, { q, k: poison(k), v: poison(v) }, causal);
    expect(poisoned).toEqual(clean);
  });

  it.each([1, 60])(
    `NaN in the only seen key is not lost among hidden ones (${name}, %i queries)`,
    async (Lq) => {
      const own = {
        ...randomCase(0).params,
        causal: true,
        offset: 30,
        before: 0,
        after: 0,
        sinkTokens: 0,
        softcap: 0,
        prefix: 0,
        valid: 100,
        Dv: 8,
        extras: ['lse'],
      };
      const k = random([1, 100, 1, 8], 2);
      k.data.fill(NaN, 30 * 8, 31 * 8);
      const inputs = { q: random([1, Lq, 1, 8], 1), k, v: random([1, 100, 1, 8], 3) };
      await agree(device, attentionOp, inputs, own);
      const [y] = await runOn(device, attentionOp, inputs, own);
      expect(y!.subarray(0, 8).every(Number.isNaN)).toBe(true);
    },
  );

  it.each([1, 60])(
    `NaN in a seen key spoils the rows that see it and no other (${name}, %i queries)`,
    async (Lq) => {
      const [H, D] = [2, 8];
      const { params } = randomCase(0);
      const causal = {
        ...params,
        causal: true,
        offset: 70,
        before: Infinity,
        after: Infinity,
        sinkTokens: 0,
        softcap: 0,
        prefix: 0,
        valid: 140,
        Dv: D,
        extras: [],
      };
      const k = random([1, 140, H, D], 2);
      k.data.fill(NaN, 90 * H * D, 91 * H * D);
      const inputs = { q: random([1, Lq, H, D], 1), k, v: random([1, 140, H, D], 3) };
      await agree(device, attentionOp, inputs, causal);
      const [want] = await runOn(createReference(), attentionOp, inputs, causal);
      expect(want!.some(Number.isNaN)).toBe(Lq > 1);
    },
  );
}
