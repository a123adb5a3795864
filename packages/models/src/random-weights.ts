import { type Device, seededBits, type Tensor, tensor } from '@headwise/tensor';

/**
 * Reproducible weights for measuring and comparing: ones for norms' gains, zeros for biases, and normal numbers of
 * standard deviation `1 / √(width read)` for the rest, so that activations keep their size through the layers.
 *
 * @param parameters names and shapes, for instance from `decoderParameters`
 * @throws {DeviceError} if the device has no room.
 */
export function randomWeights(
  device: Device,
  parameters: Readonly<Record<string, readonly number[]>>,
  { seed = 1 }: { readonly seed?: number | undefined } = {},
): Record<string, Tensor> {
  const normal = createNormal(seed);
  return Object.fromEntries(
    Object.entries(parameters).map(([name, shape]) => {
      const size = shape.reduce((product, axis) => product * axis, 1);
      const values = new Float32Array(size);
      if (name.endsWith('bias')) values.fill(0);
      else if (/norm/i.test(name) && shape.length === 1) values.fill(1);
      else {
        const deviation = 1 / Math.sqrt(shape.at(-1) ?? 1);
        for (let i = 0; i < size; i++) values[i] = deviation * normal();
      }
      return [name, tensor(device, values, shape)];
    }),
  );
}

/** Box & Muller 1958. */
function createNormal(seed: number): () => number {
  const bits = seededBits(seed);
  const uniform = (): number => (bits() + 0.5) / 2 ** 32;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
