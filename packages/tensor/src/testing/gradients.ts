import { valueAndGrad } from '../autodiff/grad.ts';
import type { Device } from '../contracts/device.ts';
import { createReference } from '../device/reference.ts';
import { add, multiply } from '../ops/elementwise.ts';
import { reduce } from '../ops/reduce.ts';
import { scope } from '../scope.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { assertClose, toleranceOf } from './close.ts';
import { randomIndex } from './mutate.ts';
import { seeded } from './seeded.ts';

/** Tensors by name, that gradients are taken of. */
export type Parameters = Readonly<Record<string, Tensor>>;

/** A differentiable function, to be checked. */
export interface Differentiable {
  /** Makes the parameters on a device. */
  readonly parameters: (device: Device) => Parameters;
  /** Results of any shape, in which every parameter has a share. Makes what else it needs. */
  readonly run: (parameters: Parameters, device: Device) => Tensor | readonly Tensor[];
}

/** Gradients by name, as host numbers. */
export type HostGradients = Readonly<Record<string, Float32Array>>;

/** Σ of all results, each number with a weight of its own: no gradient can hide behind another. */
function lossOf(results: Tensor | readonly Tensor[], device: Device): Tensor {
  return [results].flat().reduce<Tensor>(
    (sum, result, i) => {
      const weights = seeded(device, [result.size], 900 + i);
      return add(sum, reduce(multiply(result.reshape([result.size]), weights), 'sum'));
    },
    tensor(device, [0], []),
  );
}

async function read(gradients: Parameters): Promise<HostGradients> {
  const entries = Object.entries(gradients);
  const values = await Promise.all(entries.map(([, gradient]) => gradient.data()));
  for (const [, gradient] of entries) gradient.dispose();
  return Object.fromEntries(entries.map(([name], i) => [name, values[i]! as Float32Array]));
}

/**
 * The gradients of a weighted sum of all results, by the tape.
 *
 * @throws what the function throws.
 */
export async function gradientsOn(
  device: Device,
  { parameters, run }: Differentiable,
): Promise<HostGradients> {
  return read(
    scope(() => {
      const loss = (given: Parameters): Tensor => lossOf(run(given, device), device);
      return valueAndGrad(loss)(parameters(device)).grads;
    }),
  );
}

/** Which numbers of a parameter, by its name and how many it has. */
type Places = (name: string, size: number) => readonly number[];

const allPlaces: Places = (_, size) => [...Array(size).keys()];

/** So many numbers of a parameter are moved one by one; each costs two runs of the function. */
const ENOUGH = 256;

/** All numbers of a small parameter; of a large one the first, the last, and one of each of equal stretches, by seed. */
const drawnPlaces: Places = (name, size) => {
  if (size <= ENOUGH) return allPlaces(name, size);
  const pick = randomIndex(size);
  const stretch = size / (ENOUGH - 2);
  const inner = Array.from({ length: ENOUGH - 2 }, (_, i) => {
    const from = Math.floor(i * stretch);
    return from + pick(Math.floor((i + 1) * stretch) - from);
  });
  return [...new Set([0, ...inner, size - 1])];
};

/**
 * The same by differences of two values, number by number, in float64: the reference keeps float64 between operations,
 * so the step is added and the difference taken on it.
 *
 * @param step half the distance; the error is of its square
 * @throws what the function throws.
 */
export async function centralDifferences(of: Differentiable, step = 1e-5): Promise<HostGradients> {
  return differencesAt(of, allPlaces, step);
}

/** Central differences at some places, in their order. */
async function differencesAt(
  { parameters, run }: Differentiable,
  places: Places,
  step: number,
): Promise<HostGradients> {
  const device = createReference();
  const given = parameters(device);
  const gradients: Record<string, Float32Array> = {};
  for (const [name, parameter] of Object.entries(given)) {
    const moved = places(name, parameter.size);
    const found = new Float32Array(moved.length);
    for (const [i, n] of moved.entries()) {
      const at = (by: number): Tensor => {
        const one = new Float32Array(parameter.size);
        one[n] = 1;
        const there = add(parameter, tensor(device, one, parameter.shape), { scale: by });
        return lossOf(run({ ...given, [name]: there }, device), device);
      };
      const slope = scope(() =>
        multiply(
          add(at(step), at(-step), { scale: -1 }),
          // exact in float64: 1 / (2 · step) from a sum
          add(tensor(device, [0], []), tensor(device, [1], []), { scale: 0.5 / step }),
        ),
      );
      found[i] = (await slope.data())[0]!;
      slope.dispose();
    }
    gradients[name] = found;
  }
  device.dispose();
  return gradients;
}

/** Compares gradients by name. @throws {Error} naming the first that differs. */
export function assertGradients(
  got: HostGradients,
  want: HostGradients,
  tolerance: { readonly atol?: number; readonly rtol?: number },
): void {
  for (const name in want) {
    try {
      assertClose(got[name]!, want[name]!, tolerance);
    } catch (error) {
      throw new Error(`the gradient of ${name}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** How far the gradients of the reference may be from central differences. */
const DIFFERENCES = { atol: 2e-7, rtol: 2e-6 } as const;

/**
 * Law: gradients equal central differences in float64. Of a parameter of more than 256 numbers so many are tried, drawn
 * evenly by a fixed seed, and `checkDirections` looks at all of them together.
 *
 * @param options `every`: one by one, however many there are
 * @throws {Error} naming the parameter whose gradient differs.
 */
export async function checkGradients(
  of: Differentiable,
  { every = false }: { readonly every?: boolean } = {},
): Promise<void> {
  const device = createReference();
  const all = await gradientsOn(device, of);
  const places = every ? allPlaces : drawnPlaces;
  const got = Object.fromEntries(
    Object.entries(all).map(([name, gradient]) => [
      name,
      Float32Array.from(places(name, gradient.length), (n) => gradient[n]!),
    ]),
  );
  assertGradients(got, await differencesAt(of, places, 1e-5), DIFFERENCES);
  device.dispose();
  if (Object.values(all).some(({ length }) => length > ENOUGH)) await checkDirections(of);
}

/**
 * Law: gradients are equal on every device, and leave no memory behind.
 *
 * @param atol stated for float32, as in `toleranceOf`
 * @throws {Error} naming the parameter whose gradient differs.
 */
export async function compareGradients(
  device: Device,
  of: Differentiable,
  { atol = 1e-5, rtol = 1e-4 }: { readonly atol?: number; readonly rtol?: number } = {},
): Promise<void> {
  const reference = createReference();
  const before = device.memory.buffers;
  const want = await gradientsOn(reference, of);
  const got = await gradientsOn(device, of);
  const tolerance = toleranceOf(device, atol, rtol);
  assertGradients(got, want, tolerance);
  const left = device.memory.buffers - before;
  if (left !== 0) throw new Error(`${left} buffers left behind`);
  reference.dispose();
}

/**
 * The same law for many parameters: along two random directions of each, the slope of the loss is that of its gradient.
 * In float64, so that one wrong number of a gradient is seen.
 *
 * @throws {Error} naming the parameter whose gradient differs.
 */
export async function checkDirections({ parameters, run }: Differentiable, step = 1e-5): Promise<void> {
  const device = createReference();
  const given = parameters(device);
  const loss = (at: Parameters): Tensor => lossOf(run(at, device), device);
  const { grads } = valueAndGrad(loss)(given);
  const number = (x: Tensor): Tensor => reduce(x.reshape([x.size]), 'sum');
  const half = add(tensor(device, [0], []), tensor(device, [1], []), { scale: 0.5 / step });
  for (const [name, parameter] of Object.entries(given)) {
    for (const seed of [1, 2]) {
      const [got, want] = scope(() => {
        const along = seeded(device, parameter.shape, 7000 + seed);
        const at = (by: number): Tensor => loss({ ...given, [name]: add(parameter, along, { scale: by }) });
        const rise = add(at(step), at(-step), { scale: -1 });
        return [number(multiply(grads[name]!, along)), multiply(rise, half)] as const;
      });
      try {
        assertClose(await got.data(), await want.data(), DIRECTIONS);
      } catch (error) {
        throw new Error(`the gradient of ${name} along a direction: ${(error as Error).message}`, {
          cause: error,
        });
      }
    }
  }
  device.dispose();
}

/** The sum over a whole parameter is larger than one number of it. */
const DIRECTIONS = { atol: 1e-6, rtol: 5e-6 } as const;
