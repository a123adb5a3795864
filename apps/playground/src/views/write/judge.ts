import { configure, multiHead, picture } from '@headwise/attention-variants';
import { type LawName, laws, Probe } from '@headwise/attention-variants/conformance';
import {
  createReference,
  type Device,
  DeviceError,
  type DeviceFactory,
  hostModifier,
} from '@headwise/tensor';
import { difference } from '@headwise/tensor/testing';
import { dependsOnHead, type WrittenScore } from 'headwise/templates';
import { HEADS, modifierOf, type Problem, readTyped, type Typed, variantOf } from './written.ts';

/** One modifier drawn: queries down, keys across. */
export interface Drawn {
  readonly of: 'score' | 'mask';
  readonly L: number;
  /** Of each head `[L, L]`. Of a score: what a score of 1 becomes. */
  readonly heads: readonly Float64Array[];
}

/** What a variant keeps and computes, beside multi-head attention of the same shape. */
export interface Costs {
  /** Numbers that a token adds to the cache of a layer. */
  readonly elementsPerToken: number;
  /** Tokens that a layer keeps at most; Infinity for all. */
  readonly cap: number;
  readonly rows: readonly {
    readonly what: string;
    readonly unit: 'bytes' | 'flops';
    readonly value: number;
    readonly multiHead: number;
  }[];
  /** No query looks further back than this many tokens, itself among them, as far as was tried; absent without a bound. */
  readonly reach?: number | undefined;
}

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

/** Tokens of a picture. */
export const PICTURE = 16;

/** Shape at which costs are told: that of the table in the README. */
const SHAPE = { E: 512, H: 8, D: 64, layers: 1 } as const;
const CONTEXT = 4096;
const PREFILL = 512;
/** Positions up to which a mask is tried for how far back it looks. */
const TRIED = 256;
/** Bytes of a number at 16 bit. */
const HALF = 2;

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

/** The score and the mask, as far as they are written. Runs them. @throws what they throw. */
export function picturesOf({ score, mask, constants }: WrittenScore): readonly Drawn[] {
  const sources = { score, mask };
  return (['score', 'mask'] as const).flatMap((of) => {
    const source = sources[of];
    if (source === undefined) return [];
    const { grid } = picture(modifierOf(of, source, constants), {
      Lq: PICTURE,
      Lk: PICTURE,
      H: HEADS,
      score: 1,
    });
    const heads = grid.map((rows) => Float64Array.from(rows.flatMap((row) => [...row])));
    const [first] = heads;
    const alike = heads.every((head) => head.every((value, i) => Object.is(value, first![i])));
    return [{ of, L: PICTURE, heads: alike ? [first!] : heads }];
  });
}

/** @throws what the mask throws. */
export function costsOf(name: string, written: WrittenScore): Costs {
  const own = configure(variantOf(name, written));
  const base = configure(multiHead, { causal: written.causal });
  const elements = (of: typeof own): number =>
    Object.values(of.kv(SHAPE, 0).rows).reduce((sum, size) => sum + size.reduce((a, b) => a * b, 1), 0);
  const held = (of: typeof own): number => HALF * elements(of) * Math.min(CONTEXT, of.kv(SHAPE, 0).cap);
  const flops = (of: typeof own, Lq: number, Lk: number): number =>
    of.cost(SHAPE, { B: 1, Lq, Lk, layer: 0 }).attentionFlops;
  return {
    elementsPerToken: elements(own),
    cap: own.kv(SHAPE, 0).cap,
    rows: [
      {
        what: `KV bytes of a layer after ${CONTEXT} tokens, at 16 bit`,
        unit: 'bytes',
        value: held(own),
        multiHead: held(base),
      },
      {
        what: `flops of attention, one token more at ${CONTEXT}`,
        unit: 'flops',
        value: flops(own, 1, CONTEXT),
        multiHead: flops(base, 1, CONTEXT),
      },
      {
        what: `flops of attention, a prompt of ${PREFILL}`,
        unit: 'flops',
        value: flops(own, PREFILL, PREFILL),
        multiHead: flops(base, PREFILL, PREFILL),
      },
    ],
    reach: reachOf(written),
  };
}

/** Tokens that the furthest look back spans, if it is the same at twice the length. */
function reachOf({ mask, constants, causal }: WrittenScore): number | undefined {
  if (mask === undefined) return undefined;
  const sees = hostModifier(modifierOf('mask', mask, constants));
  const heads = dependsOnHead(mask) ? HEADS : 1;
  const reach = (L: number): number => {
    let furthest = 0;
    for (let h = 0; h < heads; h++)
      for (let q = 0; q < L; q++) {
        if (
          !causal &&
          Array.from({ length: L - q - 1 }, (_, i) => q + 1 + i).some((k) => sees(0, h, q, k) !== 0)
        )
          return Infinity;
        for (let k = 0; k < q - furthest + 1; k++)
          if (sees(0, h, q, k) !== 0) furthest = Math.max(furthest, q - k + 1);
      }
    return furthest;
  };
  const [half, whole] = [reach(TRIED / 2), reach(TRIED)];
  return half === whole && half < TRIED / 2 ? half : undefined;
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
