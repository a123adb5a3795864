import { attentionOp, createReference, type HostData } from '@headwise/tensor';
import { assertClose, checkDevice } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { createWasm, createWasmWith } from './device.ts';
import { runOn } from './testing.ts';
import { modelSizes, randomCase } from './testing-attention.ts';
import { checkEightBits } from './testing-eight-bits.ts';
import { checkStoredWeights } from './testing-weights.ts';

checkDevice('simd128, one thread', () => createWasmWith({ simd: 'simd128', threads: 1, guard: 128 }));
checkDevice('relaxed, one thread', () => createWasmWith({ simd: 'relaxed', threads: 1, guard: 128 }));
checkDevice('default instructions, two threads', () =>
  createWasmWith({ threads: 2, guard: 128, shuffle: true }),
);

checkStoredWeights('relaxed, one thread', () => createWasmWith({ simd: 'relaxed', threads: 1, guard: 256 }));
checkStoredWeights('default instructions, two threads', () =>
  createWasmWith({ threads: 2, guard: 256, shuffle: true }),
);

checkEightBits('relaxed, one thread', () =>
  createWasmWith({ activations: 'int8', simd: 'relaxed', threads: 1, guard: 256 }),
);
checkEightBits('default instructions, two threads', () =>
  createWasmWith({ activations: 'int8', threads: 2, guard: 256, shuffle: true }),
);

it('has threads in a page that is isolated from other origins', async () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
  const device = await createWasm({ threads: 2 });
  expect(device.details).toEqual({ engine: 'WebAssembly, relaxed SIMD', threads: '2' });
  device.dispose();
});

it('gives the same bits with one thread and with two', async () => {
  const reference = createReference();
  for (const seed of [6, 18, 29, 49, 58]) {
    const { inputs, params } = randomCase(seed, modelSizes(seed));
    const results: HostData[][] = [];
    for (const threads of [1, 2]) {
      const device = await createWasmWith({ threads, guard: 256, shuffle: threads > 1 });
      results.push(await runOn(device, attentionOp, inputs, params));
      device.engine.heap.check();
      device.dispose();
    }
    const want = await runOn(reference, attentionOp, inputs, params);
    want.forEach((values, n) => {
      assertClose(results[0]![n]!, values, { atol: 2e-5, rtol: 2e-5 });
      assertClose(results[1]![n]!, results[0]![n]!, { atol: 0, rtol: 0 });
    });
  }
});
