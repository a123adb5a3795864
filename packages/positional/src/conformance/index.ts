import { createReference, type Device } from '@headwise/tensor';
import { onEveryDevice } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import type { AnyEncoding } from '../contract.ts';
import { attentionLaws } from './attention-laws.ts';
import { biasLaws } from './bias-laws.ts';
import { type GoldenCase, type GoldenFile, onDevice } from './golden.ts';
import { inputLaws } from './input-laws.ts';
import type { Law } from './law.ts';
import { noneLaws } from './none-laws.ts';
import { rotationLaws } from './rotation-laws.ts';

export type { GoldenArray, GoldenCase, GoldenFile } from './golden.ts';

/** Makes an encoding from options; trained tensors are among them. */
// biome-ignore lint/suspicious/noExplicitAny: a factory of any options; its golden file holds the right ones
export type EncodingMaker = (options: any) => AnyEncoding;

/** What the kit is told beside the encoding. */
export interface CheckOptions {
  /** Cases computed by another program: laws alone do not see a wrong sign or a wrong base. */
  readonly golden: GoldenFile;
  /** Laws that do not hold of this encoding, each with its reason. The kit checks that they indeed do not. */
  readonly except?: Readonly<Record<string, string>>;
  /** Names of devices, which have to work here. Default: those that need no GPU, where they are installed. */
  readonly devices?: readonly string[];
}

const laws: Readonly<Record<AnyEncoding['kind'], readonly Law<never>[]>> = {
  rotation: rotationLaws,
  bias: biasLaws,
  input: inputLaws,
  attention: attentionLaws,
  none: noneLaws,
};
const everywhere = ['reference', 'gpujs:cpu', 'gpujs:webasm', 'wasm'] as const;

/**
 * Registers a test for every law of the encoding's kind on every device. A built-in encoding and one of your own
 * are checked alike:
 *
 * @throws {Error} if the golden file has no case, or `except` names no law.
 * @example
 * checkEncoding(rotary, { golden });
 * checkEncoding(xpos, { golden, except: { 'the length of a vector stays, but for the attention factor': 'it decays' } });
 */
export function checkEncoding(create: EncodingMaker, { golden, except = {}, devices }: CheckOptions): void {
  const names = lawsOf(create, golden).map(({ name }) => name);
  const unknown = Object.keys(except).filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(`no such law: ${unknown.join(', ')}; the laws are ${names.join(', ')}`);
  const register = (device: () => Device): void => {
    for (const law of lawsOf(create, golden)) {
      const reason = except[law.name];
      if (reason === undefined) it(law.name, () => obey(law, create, golden, device()));
      else
        it(`not so: ${law.name} (${reason})`, async () => {
          await expect(obey(law, create, golden, device())).rejects.toThrow();
        });
    }
  };
  // one device for all laws: its kernels are compiled once; a device that is named has to be there
  onEveryDevice(register, devices ? { only: devices, expected: devices } : { only: everywhere });
}

/**
 * The laws that an encoding breaks on a device, each with what is wrong; empty for a right one.
 *
 * @throws {Error} if the golden file has no case.
 */
export async function findFaults(
  create: EncodingMaker,
  golden: GoldenFile,
  device: Device,
): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const law of lawsOf(create, golden)) {
    await obey(law, create, golden, device).catch((error: unknown) => {
      faults.push(`${law.name}: ${error instanceof Error ? error.message : error}`);
    });
  }
  return faults;
}

/** @throws {Error} if there is no golden case: laws alone do not see arithmetic. */
function lawsOf(create: EncodingMaker, golden: GoldenFile): readonly Law<never>[] {
  const first = golden.cases[0];
  if (!first) throw new Error('the golden file has no case: laws alone do not see a wrong sign or base');
  const device = createReference();
  const { kind } = make(create, first, device);
  device.dispose();
  return laws[kind];
}

async function obey(
  law: Law<never>,
  create: EncodingMaker,
  golden: GoldenFile,
  device: Device,
): Promise<void> {
  for (const one of golden.cases) {
    const trial = {
      device,
      golden: one,
      create: (options: object = {}) => make(create, one, device, options) as never,
    };
    await law.holds(trial).catch((error: unknown) => {
      throw new Error(`${one.name}: ${error instanceof Error ? error.message : error}`, { cause: error });
    });
  }
}

function make(
  create: EncodingMaker,
  { options, weights = {} }: GoldenCase,
  device: Device,
  over: object = {},
): AnyEncoding {
  const tensors = Object.entries(weights).map(([name, array]) => [name, onDevice(device, array, name)]);
  return create({ ...options, ...Object.fromEntries(tensors), ...over });
}
