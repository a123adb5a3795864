import type { Device, Positions } from '@headwise/tensor';
import { createPositions } from '@headwise/tensor';
import { toleranceOf } from '@headwise/tensor/testing';
import type { AnyEncoding } from '../contract.ts';
import type { GoldenCase } from './golden.ts';

/** One encoding under one golden case on one device. */
export interface Trial<Encoding extends AnyEncoding = AnyEncoding> {
  readonly device: Device;
  readonly golden: GoldenCase;
  /** A new encoding with the options of the case, and these over them. */
  readonly create: (options?: object) => Encoding;
}

/** Something that is true of every encoding of a kind. */
export interface Law<Encoding extends AnyEncoding = AnyEncoding> {
  readonly name: string;
  /** @throws {Error} saying what is not so. */
  readonly holds: (trial: Trial<Encoding>) => Promise<void>;
}

/** Positions of every sequence alike. */
export function at(device: Device, ...positions: readonly number[]): Positions {
  return createPositions(device, [positions]);
}

/** How far values computed on a device may be from float64. Tables are float32 on every device. */
export function tolerance(device: Device): { readonly atol: number; readonly rtol: number } {
  return toleranceOf(device, 2e-5);
}

/** Compares element by element; a message names the worst. */
export function mustBeClose(
  what: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { atol, rtol }: { readonly atol: number; readonly rtol: number },
): void {
  if (got.length !== want.length) throw new Error(`${what}: got ${got.length} values, want ${want.length}`);
  let worst = -1;
  let excess = 0;
  for (let i = 0; i < want.length; i++) {
    const beyond = Math.abs(got[i]! - want[i]!) - (atol + rtol * Math.abs(want[i]!));
    // written so that a NaN counts as wrong
    if (!(beyond <= excess)) {
      worst = i;
      excess = beyond;
    }
  }
  if (worst >= 0) throw new Error(`${what}: [${worst}] is ${got[worst]}, must be ${want[worst]}`);
}

/** Runs `work` and checks that the device holds no more afterwards than before. */
export async function mustFree(device: Device, work: () => Promise<void>): Promise<void> {
  const before = device.memory.buffers;
  await work();
  const after = device.memory.buffers;
  if (after !== before) throw new Error(`${after - before} buffers are left on the device after dispose()`);
}

/** @throws {Error} unless `work` throws a ValueError that names the encoding. */
export function mustRefuse(what: string, name: string, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (error instanceof Error && error.name === 'ValueError' && error.message.startsWith(name)) return;
    throw new Error(`${what}: must be a ValueError of ${name}, is ${error}`);
  }
  throw new Error(`${what}: is not refused`);
}
