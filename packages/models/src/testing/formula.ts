import type { HostTensor } from '../formats/safetensors.ts';

/** The numbers of a tensor, by the formula of `tooling/golden/decoder_options.py`. */
export function valuesOf(name: string, shape: readonly number[]): HostTensor {
  const size = shape.reduce((product, axis) => product * axis, 1);
  let phase = 0;
  for (let k = 0; k < name.length; k++) phase += (k + 1) * name.charCodeAt(k);
  const data = Float32Array.from({ length: size }, (_, i) => {
    const wave = Math.sin((phase % 997) + 0.37 * i * i + 0.11 * i);
    if (shape.length > 1) return (1.8 * wave) / Math.sqrt(shape[1]!);
    return (name.endsWith('weight') ? 1 : 0) + 0.3 * wave;
  });
  return { dtype: 'F32', shape, data };
}
