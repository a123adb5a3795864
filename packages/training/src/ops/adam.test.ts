import { createReference, multiply } from '@headwise/tensor';
import { assertClose, onEveryDevice, seeded } from '@headwise/tensor/testing';
import { describe, it } from 'vitest';
import { adamStep } from './adam.ts';

const reference = createReference();

describe('one step of Adam equals the reference', () => {
  onEveryDevice(
    (device) => {
      for (const [size, step] of [
        [1, 1],
        [7, 2],
        [8195, 1],
        [20_003, 1000],
      ] as const)
        it(`${size} numbers, step ${step}`, async () => {
          const [got, want] = [device(), reference].map((on) => {
            const [gradient, m, root] = [1, 2, 3].map((seed) => seeded(on, [size], seed));
            const v = multiply(root!, root!);
            return adamStep(gradient!, { m: m!, v }, { beta1: 0.9, beta2: 0.999, eps: 1e-3, step });
          });
          for (const [i, tensor] of got!.entries())
            assertClose(await tensor.data(), await want![i]!.data(), { atol: 1e-6, rtol: 2e-5 });
        });
    },
    { only: ['wasm', 'gpujs:webasm'] },
  );
});
