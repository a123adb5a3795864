import { configure } from '@headwise/attention-variants';
import { type LawName, laws, Probe } from '@headwise/attention-variants/conformance';
import { createReference, type Device, DeviceError, type DeviceFactory } from '@headwise/tensor';
import { difference } from '@headwise/tensor/testing';
import type { WrittenScore } from 'headwise/templates';
import { type Costs, costsOf, type Drawn, picturesOf } from './drawn.ts';
import { type Problem, readTyped, type Typed, variantOf } from './written.ts';

/** How a device stands to the float64 reference. */
export interface Verdict {
  readonly device: string;
  readonly status: 'equal' | 'differs' | 'refuses' | 'absent';
  /** Largest |got − want| over the score form, one pass and single steps. */
  readonly largest?: number | undefined;
  readonly atol?: number | undefined;
  readonly rtol?: number | undefined;
  readonly values?: number | undefined;
  /** Engine that ran, and what stands behind it. */
  readonly ran?: string | undefined;
  readonly emulated?: boolean | undefined;
  readonly reason?: string | undefined;
}

/** What comes out while code is judged, in this order. */
export type Told =
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] }
  | { readonly kind: 'step'; readonly label: string; readonly done: number }
  | { readonly kind: 'picture'; readonly drawn: Drawn }
  | { readonly kind: 'costs'; readonly costs: Costs }
  | { readonly kind: 'law'; readonly name: LawName; readonly problem?: string | undefined }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'end' };

/**
 * Judges what was typed: is it in the dialect, what does it look like, what does it cost, do the laws of the conformance
 * kit hold, and does every device compute what the float64 reference does.
 *
 * @param devices to try, each made when its turn comes
 * @param tell is told each result when it is there; a promise holds the rest back
 */
export async function judge(
  typed: Typed,
  devices: readonly DeviceFactory[],
  tell: (told: Told) => void | Promise<void>,
): Promise<void> {
  const { written, problems } = readTyped(typed);
  if (problems.length > 0) {
    await tell({ kind: 'problems', problems });
    await tell({ kind: 'end' });
    return;
  }
  const names = Object.keys(laws) as LawName[];
  const steps = 2 + names.length + devices.length;
  let done = 0;
  const step = (label: string): void | Promise<void> => tell({ kind: 'step', label, done: done++ / steps });

  await step('drawing');
  for (const drawn of picturesOf(written)) await tell({ kind: 'picture', drawn });
  const variant = variantOf(typed.name, written);
  await step('counting');
  await tell({ kind: 'costs', costs: costsOf(typed.name, written) });
  for (const name of names) {
    await step(`law: ${name}`);
    const problem = await laws[name](new Probe(createReference(), variant)).then(
      () => undefined,
      (error: Error) => error.message,
    );
    await tell({ kind: 'law', name, problem });
  }
  for (const factory of devices) {
    await step(`on ${factory.name}`);
    await tell({ kind: 'verdict', verdict: await verdictOf(factory, typed.name, written) });
  }
  await tell({ kind: 'end' });
}

async function verdictOf(factory: DeviceFactory, name: string, written: WrittenScore): Promise<Verdict> {
  const { name: device } = factory;
  let made: Device;
  try {
    made = await factory.create();
  } catch (error) {
    return { device, status: 'absent', reason: wordsOf(error) };
  }
  try {
    const variant = variantOf(name, written);
    const [refusal] = configure(variant).reasonsAgainst(made, 0);
    if (refusal !== undefined) return { device, status: 'refuses', reason: refusal };
    const probe = new Probe(made, variant);
    const reference = new Probe(createReference(), variant);
    const [whole, steps] = [[9], Array<number>(9).fill(1)];
    const inputs = reference.inputs();
    const got = [(await probe.attend(inputs)).data, await probe.layers(whole), await probe.layers(steps)];
    const want = [
      (await reference.attend(inputs)).data,
      await reference.layers(whole),
      await reference.layers(steps),
    ];
    const { atol, rtol } = probe.tolerance;
    const differences = got.map((data, i) => difference(data, want[i]!, { atol, rtol }));
    const details = Object.entries(made.details).map((pair) => pair.join(' '));
    return {
      device,
      status: differences.every(({ outside }) => outside === 0) ? 'equal' : 'differs',
      largest: Math.max(...differences.map(({ largest }) => largest)),
      atol,
      rtol,
      values: got.reduce((sum, { length }) => sum + length, 0),
      ran: [made.ran, ...details].filter(Boolean).join(', '),
      emulated: made.details.emulated === 'true',
    };
  } catch (error) {
    return { device, status: 'differs', reason: wordsOf(error) };
  } finally {
    made.dispose();
  }
}

function wordsOf(error: unknown): string {
  if (DeviceError.isInstance(error) && error.reasons.length > 0) return error.reasons[0]!;
  return error instanceof Error ? error.message.split('\n')[0]! : String(error);
}
