import { createDevice } from '@headwise/tensor';
import { describe, it } from 'vitest';
import { checkModifiers, modifierCases } from '../testing/modifier-cases.ts';

describe.each(['gpujs:cpu', 'gpujs:webasm', 'wasm'])('on %s', (name) => {
  it.each(modifierCases)('%s is what it is on the reference', async (_, modifiers) => {
    const device = await createDevice(name);
    await checkModifiers(device, modifiers);
    device.dispose();
  });
});
