import type { Device } from '../contracts/device.ts';
import { tensor } from '../tensor.ts';
import type { Differentiable, Parameters } from './gradients.ts';
import { seeded, seededValues } from './seeded.ts';

/** One call of one operation, whose gradients are to be compared. */
export interface GradientCase extends Differentiable {
  readonly op: string;
  readonly name: string;
}

/** Shapes by name. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** Parameters of these shapes in [−1, 1). */
export function gradientCase(
  op: string,
  name: string,
  shapes: Shapes,
  run: GradientCase['run'],
): GradientCase {
  const parameters = (device: Device): Parameters =>
    Object.fromEntries(Object.entries(shapes).map(([key, shape], i) => [key, seeded(device, shape, 10 + i)]));
  return { op, name, parameters, run };
}

/** Parameters in [from, to). */
export function within(of: GradientCase, from: number, to: number): GradientCase {
  const parameters = (device: Device): Parameters =>
    Object.fromEntries(
      Object.entries(of.parameters(device)).map(([key, { shape, size }], i) => [
        key,
        tensor(
          device,
          seededValues(size, 50 + i).map((value) => from + ((value + 1) / 2) * (to - from)),
          shape,
        ),
      ]),
    );
  return { ...of, parameters };
}

/** Whole numbers on a device. */
export const ids = (device: Device, values: readonly number[], shape: readonly number[] = [values.length]) =>
  tensor(device, Int32Array.from(values), shape);
