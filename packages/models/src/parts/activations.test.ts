import { createDevice, tensor } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { activationNames } from '../formats/config-activation.ts';

const inputs = [-40, -12, -3, -1, -0.25, 0, 0.5, 1, 2, 12, 40];
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const formulas: Readonly<Record<string, (x: number) => number>> = {
  sigmoid,
  linear: (x) => x,
  relu2: (x) => Math.max(x, 0) ** 2,
  leaky_relu: (x) => (x < 0 ? 0.01 * x : x),
  mish: (x) => x * Math.tanh(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  quick_gelu: (x) => x * sigmoid(1.702 * x),
};

describe.each(['reference', 'wasm', 'gpujs:webasm'])('on %s', (name) => {
  it.each(Object.entries(formulas))('%s is its formula', async (activation, formula) => {
    const device = await createDevice(name);
    const y = activationNames[activation]!.apply(tensor(device, inputs, [inputs.length]));
    assertClose(Array.from(await y.data()), inputs.map(formula), { atol: 2e-6, rtol: 2e-6 });
    device.dispose();
  });

  it('gelu_10 is gelu up to 10, and 10 beyond', async () => {
    const device = await createDevice(name);
    const x = tensor(device, inputs, [inputs.length]);
    const [plain, clipped] = [activationNames.gelu!.apply(x), activationNames.gelu_10!.apply(x)];
    const want = Array.from(await plain.data(), (value) => Math.min(value, 10));
    expect(Array.from(await clipped.data())).toEqual(want);
    expect(Math.max(...want)).toBe(10);
    device.dispose();
  });
});
