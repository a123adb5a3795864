import { createReference, type Device, DeviceError } from '@headwise/tensor';
import { assertClose, compareGradients, openDevices } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { configure } from '../configure.ts';
import type { AttentionVariant } from '../contract.ts';
import { type GoldenFile, goldenCases, runGolden } from './golden.ts';
import { attendGradients, layerGradients } from './gradients.ts';
import { type LawName, laws } from './laws.ts';
import { LENGTH, Probe, type ProbeSettings } from './probe.ts';

export type { GoldenArray, GoldenAttend, GoldenFile, GoldenLayers } from './golden.ts';
export { goldenCases, runGolden } from './golden.ts';
export { type Law, type LawName, laws } from './laws.ts';
export { plainStates } from './plain-states.ts';
export { type AttendInputs, type AttendParts, type HostArray, Probe, type ProbeSettings } from './probe.ts';

/** For `except`: what cannot hold of a variant that sums up its keys. */
export const summedUp = {
  'sees nothing, gives zero': 'keys cannot be hidden one by one: they are summed up',
  'hidden keys change nothing': 'keys cannot be hidden one by one: they are summed up',
  'a bias counts': 'there are no scores',
} as const satisfies Partial<Record<LawName, string>>;

/** What `checkVariant` needs to know of a variant. */
export interface CheckSettings<Options extends object> extends ProbeSettings<Options> {
  /** Values that another program computed. Built-in variants must have them: laws do not see wrong arithmetic. */
  readonly golden?: GoldenFile;
  /** Laws that do not hold, each with its reason. One that holds after all fails its test. */
  readonly except?: Readonly<Partial<Record<LawName, string>>>;
  /**
   * The only devices to try, by name: all of them have to work here. Default every one that does; those that the
   * environment variable `HEADWISE_DEVICES` names have to.
   */
  readonly devices?: readonly string[];
}

/**
 * Registers the tests that every attention variant must pass, with vitest: the laws and the golden cases, on the
 * reference and on every device that works here. A law that does not hold fails its test.
 *
 * @example
 * checkVariant(myVariant, { golden, options: { window: 3 } });
 *
 * @throws {Error} if the golden file has no cases that can be read.
 */
export function checkVariant<Options extends object>(
  // biome-ignore lint/suspicious/noExplicitAny: the name does not matter here
  variant: AttentionVariant<any, Options>,
  { golden, except = {}, devices, ...settings }: CheckSettings<Options> = {},
): void {
  describe(variant.name, () => {
    for (const name of Object.keys(laws) as LawName[]) {
      const reason = except[name];
      it(reason === undefined ? name : `not ${name}: ${reason}`, async () => {
        const tried = laws[name](new Probe(createReference(), variant, settings));
        if (reason === undefined) await tried;
        else await expect(tried, `"${name}" holds, although it is excepted`).rejects.toThrow();
      });
    }

    for (const goldenCase of golden ? goldenCases(golden) : []) {
      it(`equals ${golden!.program}: ${goldenCase.name}`, () =>
        runGolden(variant, goldenCase, createReference()));
    }

    // gpu.js compiles for every size, which takes longer than all the rest: one may leave it out by its name
    it.for([
      ['gives the same on every device that works here', false],
      ['gives the same in every mode of gpujs: that works here', true],
    ] as const)('%s', { timeout: 600_000 }, async ([, gpujs], { skip }) => {
      const open = await openDevices(devices && { only: devices, expected: devices });
      try {
        const others = open.filter(({ name }) => name !== 'reference' && name.startsWith('gpujs:') === gpujs);
        skip(others.length === 0, 'there is none');
        for (const device of others) {
          // code of one's own in a score is what some devices cannot run, and say so before anything is computed
          const [reason] = configure(variant, settings.options).reasonsAgainst(device, 0);
          if (reason !== undefined) console.log(`${variant.name} is not tried on ${device.name}: ${reason}`);
          else await checkOnDevice(variant, device, { except, settings, ...(golden && { golden }) });
        }
      } finally {
        for (const device of open) device.dispose();
      }
    });
  });
}

/** Sums over all tokens, of float32. */
const GRADIENTS = { atol: 1e-4, rtol: 5e-4 } as const;

const onDevices: readonly LawName[] = [
  'prefill = chunks = decode',
  'a batch = each row alone',
  'without a cache',
  'stable',
  'sees nothing, gives zero',
  'hidden keys change nothing',
  'frees what it made',
];

/**
 * Compares a variant on a device with the reference, and repeats there what devices get wrong.
 *
 * @throws {Error} naming what differs.
 */
export async function checkOnDevice<Options extends object>(
  // biome-ignore lint/suspicious/noExplicitAny: the name does not matter here
  variant: AttentionVariant<any, Options>,
  device: Device,
  {
    golden,
    except = {},
    settings = {},
  }: Pick<CheckSettings<Options>, 'golden' | 'except'> & { readonly settings?: ProbeSettings<Options> } = {},
): Promise<void> {
  const reference = new Probe(createReference(), variant, settings);
  const probe = new Probe(device, variant, settings);
  const wanted = await reference.layers([LENGTH]);
  const got = await probe.layers([LENGTH]);
  assertClose(got, wanted, probe.tolerance);
  const inputs = reference.inputs();
  const { data } = await probe.attend(inputs);
  assertClose(data, (await reference.attend(inputs)).data, probe.tolerance);
  if (except['gradients = central differences'] === undefined) await gradientsOnDevice(probe);
  for (const name of onDevices) {
    if (except[name] !== undefined) continue;
    await laws[name](probe).catch((error: Error) => {
      throw new Error(`${device.name}: ${name}: ${error.message}`);
    });
  }
  for (const goldenCase of golden ? goldenCases(golden) : []) {
    const loose = {
      ...goldenCase,
      atol: Math.max(goldenCase.atol, 5e-6),
      rtol: Math.max(goldenCase.rtol, 1e-4),
    };
    await runGolden(variant, loose, device);
  }
}

/** @throws {Error} naming the form and the argument whose gradient differs from the reference. */
// biome-ignore lint/suspicious/noExplicitAny: variants of any options
async function gradientsOnDevice(probe: Probe<any>): Promise<void> {
  const { device } = probe;
  for (const [form, gradients] of Object.entries({ attend: attendGradients, layer: layerGradients }))
    await compareGradients(device, gradients(probe), GRADIENTS).catch((error: Error) => {
      // user code in a score, whose gradient a device may refuse by name before anything runs
      if (DeviceError.isInstance(error) && error.message.includes('cannot run the gradient of')) return;
      throw new Error(`${device.name}: ${form}: ${error.message}`);
    });
}
