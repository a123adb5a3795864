import type { Part } from '@headwise/models';
import { multiply, type Tensor, tensor, ValueError } from '@headwise/tensor';
import { hash, hashAt } from './random.ts';

/** Which step it is: a training loop says so before each one. */
export interface DropoutClock {
  step: number;
}

/** What dropout needs. */
export interface DropoutOptions {
  /** Share of the numbers that become 0; the others are divided by 1 − p. */
  readonly p: number;
  readonly seed: number;
  /** Tells dropouts at different places apart. */
  readonly place: number;
  readonly step: number;
}

/**
 * Some numbers become 0, the others grow so that the mean stays: Srivastava et al. 2014. Which ones is a function of seed,
 * step and place alone, the same on every device.
 *
 * @throws {ValueError} unless p is from 0 to below 1.
 */
export function dropout<Axes extends string>(
  x: Tensor<Axes>,
  { p, seed, place, step }: DropoutOptions,
): Tensor<Axes> {
  if (!(p >= 0 && p < 1)) throw new ValueError('dropout', 'p', 'must be from 0 to below 1', p);
  if (p === 0) return x;
  const key = hash(seed, step, place);
  const bound = p * 2 ** 32;
  const kept = Math.fround(1 / (1 - p));
  const mask = Float32Array.from({ length: x.size }, (_, i) => (hashAt(key, i) < bound ? 0 : kept));
  return multiply(x, tensor<Axes>(x.device, mask, x.shape));
}

/**
 * A part of a block whose output passes through dropout before it is added, as in the original Transformer (Vaswani et al.
 * 2017, section 5.4). At step 0, outside training, it is the part itself.
 *
 * @throws {ValueError} unless p is from 0 to below 1.
 */
export function dropped(
  part: Part,
  clock: DropoutClock,
  { p, seed, place }: Omit<DropoutOptions, 'step'>,
): Part {
  if (!(p >= 0 && p < 1)) throw new ValueError('dropped', 'p', 'must be from 0 to below 1', p);
  return {
    ...part,
    run(call) {
      const result = part.run(call);
      if (clock.step === 0) return result;
      const own = { p, seed, place: hash(place, call.layer), step: clock.step };
      return { ...result, y: dropout(result.y, own) };
    },
  };
}
