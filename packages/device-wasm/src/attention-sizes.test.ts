import { attentionOp, createReference, type HostData } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWasmWith, type WasmDevice } from './device.ts';
import { runOn } from './testing.ts';
import { modelSizes, randomCase } from './testing-attention.ts';

const setups = [
  { simd: 'simd128', threads: 1, guard: 256 },
  { simd: 'simd128', threads: 3, guard: 256, shuffle: true },
  // relaxed SIMD where the runtime has it
  { threads: 1, guard: 256 },
  { threads: 2, guard: 256, shuffle: true },
] as const;

// the reference takes a second for the largest
const CASES = process.env.HEADWISE_LONG === '1' ? 240 : 48;

const devices: WasmDevice[] = [];
beforeAll(async () => {
  for (const setup of setups) devices.push(await createWasmWith(setup));
});
afterAll(() => {
  for (const device of devices) {
    expect(device.memory.buffers).toBe(0);
    device.engine.heap.check();
    device.dispose();
  }
});

function sameBits(a: readonly HostData[], b: readonly HostData[]): boolean {
  return a.every((values, n) => Buffer.from(values.buffer).equals(Buffer.from(b[n]!.buffer)));
}

/** The same call on every device; with the same instructions, the same bits. */
it.each(Array.from({ length: CASES }, (_, seed) => ({ seed, ...modelSizes(seed) })))(
  'equals the reference: [$B, $Lq, $H/$Hkv, $D → $Dv] × $Lk, causal $causal, case $seed',
  async ({ seed, ...sizes }) => {
    const { inputs, params } = randomCase(seed, sizes);
    const want = await runOn(createReference(), attentionOp, inputs, params);
    const got = [];
    for (const device of devices) got.push(await runOn(device, attentionOp, inputs, params));
    for (const results of got) {
      results.forEach((values, n) => {
        assertClose(values, want[n]!, { atol: 2e-5, rtol: 2e-5 });
      });
    }
    expect(sameBits(got[1]!, got[0]!)).toBe(true);
    expect(sameBits(got[3]!, got[2]!)).toBe(true);
  },
);
