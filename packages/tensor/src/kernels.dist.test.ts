import { createRequire } from 'node:module';
import * as esm from '@headwise/tensor';
import { compareWithReference, opCases } from '@headwise/tensor/testing';
import { afterAll, describe, it } from 'vitest';

const cjs = createRequire(import.meta.url)('@headwise/tensor') as typeof esm;

describe.each([
  ['import', esm],
  ['require', cjs],
])('built, by %s', (_, { createDevice }) => {
  describe.each(['gpujs:cpu', 'gpujs:webasm'])('%s', async (name) => {
    const device = await createDevice(name);
    afterAll(() => device.dispose());
    it.each(opCases.map((each) => [`${each.op} ${each.name}`, each] as const))('%s', (_title, each) =>
      compareWithReference(device, each),
    );
  });
});
