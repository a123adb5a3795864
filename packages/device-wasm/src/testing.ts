import {
  createReference,
  type Device,
  type DType,
  type HostData,
  type Op,
  run,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { difference, seededValues } from '@headwise/tensor/testing';

/** A host array that becomes a tensor on each device. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** Whole numbers in `low … high`, reproducible. */
export function randomInt(seed: number, low: number, high: number): number {
  const [value] = seededValues(1, seed * 7919 + 13);
  return low + Math.floor(((value! + 1) / 2) * (high - low + 1));
}

/** One of a list, reproducible. */
export function pick<T>(seed: number, list: readonly T[]): T {
  return list[randomInt(seed, 0, list.length - 1)]!;
}

/** Seeded numbers in a shape, times `scale`. */
export function random(shape: readonly number[], seed: number, scale = 1): HostTensor {
  const data = seededValues(
    shape.reduce((a, b) => a * b, 1),
    seed,
  );
  return { shape, data: data.map((x) => x * scale) };
}

export function ints(shape: readonly number[], values: readonly number[]): HostTensor {
  return { shape, data: Int32Array.from(values) };
}

type Hosts = Readonly<Record<string, HostTensor | undefined>>;

/** Runs an operation on a device and reads its results. */
export async function runOn(
  device: Device,
  op: Op,
  inputs: Hosts,
  params: object,
): Promise<HostData<DType>[]> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, host] of Object.entries(inputs)) {
    if (host) tensors[name] = tensor(device, host.data as Float32Array, host.shape);
  }
  const outputs = run(op, tensors, params);
  const values = await Promise.all(outputs.map((output) => output.data()));
  for (const made of [...outputs, ...Object.values(tensors)]) made.dispose();
  return values as HostData<DType>[];
}

/** Throws unless the device gives what the float64 reference gives. */
export async function agree(
  device: Device,
  op: Op,
  inputs: Hosts,
  params: object,
  tolerance: { readonly atol?: number; readonly rtol?: number } = {},
): Promise<void> {
  const want = await runOn(createReference(), op, inputs, params);
  const got = await runOn(device, op, inputs, params);
  got.forEach((values, n) => {
    const { outside, index, got: a, want: b } = difference(values, want[n]!, tolerance);
    if (outside === 0) return;
    const shapes = Object.entries(inputs).map(([name, host]) => host && `${name} [${host.shape}]`);
    throw new Error(
      `${op.name}: result ${n} differs in ${outside} of ${values.length}; [${index}] is ${a}, want ${b}; ${shapes.filter(Boolean).join(', ')}; ${JSON.stringify(params)}`,
    );
  });
}
