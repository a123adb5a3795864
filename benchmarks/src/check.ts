import type { ConfiguredVariant, LayerShape } from '@headwise/attention-variants';
import { type Device, ValueError } from '@headwise/tensor';
import { messageOf, throwIfRefused } from './errors.ts';
import type { CheckReport } from './results.ts';
import { layersOf, Stack } from './stack.ts';

/** |got − want| ≤ atol + rtol · |want| passes: float32 sums of a few thousand terms near 1 stay a hundred times below. */
export const TOLERANCE = { atol: 1e-4, rtol: 1e-4 } as const;

/** Queries compared of a prefill that is too large for the reference. */
const TAIL = 8;

/** One comparison with the reference. */
export interface CheckCase {
  readonly phase: 'prefill' | 'decode';
  /** Tokens before the call, put in as random rows. */
  readonly before: number;
  /** Tokens of the call. */
  readonly L: number;
}

/** What the reference device computes for a variant, remembered: every device is compared with the same numbers. */
export class ReferenceAnswers {
  readonly #device: Device;
  readonly #answers = new Map<string, Promise<readonly Float32Array[]>>();

  constructor(device: Device) {
    this.#device = device;
  }

  of(
    variant: ConfiguredVariant,
    shape: LayerShape,
    B: number,
    seed: number,
    check: CheckCase,
  ): Promise<readonly Float32Array[]> {
    const key = JSON.stringify([variant.name, variant.options, shape, B, seed, check]);
    return this.remember(key, (device) => outputsOf(device, variant, shape, B, seed, check));
  }

  /** Any other answer, under a key of its own. */
  remember(
    key: string,
    compute: (device: Device) => Promise<readonly Float32Array[]>,
  ): Promise<readonly Float32Array[]> {
    let answer = this.#answers.get(key);
    if (!answer) {
      answer = compute(this.#device);
      this.#answers.set(key, answer);
    }
    return answer;
  }
}

/**
 * The shapes to check for contexts that will be timed: each of them, and odd lengths beside the shortest. A prefill too
 * large for the reference is checked at its full length by its last queries, over random keys before them.
 */
export function casesFor(
  variant: ConfiguredVariant,
  shape: LayerShape,
  B: number,
  phase: 'prefill' | 'decode',
  contexts: readonly number[],
  wholeBelowFlops: number,
): CheckCase[] {
  const flops = (L: number): number =>
    layersOf(shape).reduce((sum, layer) => sum + variant.cost(shape, { B, Lq: L, Lk: L, layer }).flops, 0);
  const shortest = Math.min(...contexts);
  const odd = shortest % 2 === 1 ? shortest + 2 : shortest + 1;
  if (phase === 'decode') return [...contexts, odd].map((context) => ({ phase, before: context - 1, L: 1 }));
  const prefills = [...contexts, odd, Math.max(1, Math.floor(shortest / 2) - 1)].map((L): CheckCase => {
    const whole = flops(L) <= wholeBelowFlops || L <= TAIL;
    return whole ? { phase, before: 0, L } : { phase, before: L - TAIL, L: TAIL };
  });
  return prefills;
}

/**
 * Compares a variant on a device with the float64 reference, every layer of the stack, whole outputs.
 *
 * @param onCase called before each case, for the progress display.
 * @throws {Unsupported} if the device refuses an operation of the variant.
 */
export async function checkOnDevice(
  device: Device,
  answers: ReferenceAnswers,
  variant: ConfiguredVariant,
  options: {
    readonly shape: LayerShape;
    readonly B: number;
    readonly seed: number;
    readonly cases: readonly CheckCase[];
  },
  onCase: (check: CheckCase) => Promise<void> | void = () => {},
): Promise<CheckReport> {
  const { shape, B, seed, cases } = options;
  let worst = { error: 0, at: '' };
  const done: string[] = [];
  const report = (reason?: string): CheckReport => ({
    passed: reason === undefined,
    cases: done,
    worst: worst.error,
    worstAt: worst.at,
    tolerance: TOLERANCE,
    ...(reason !== undefined && { reason }),
  });
  for (const check of cases) {
    await onCase(check);
    try {
      const want = await answers.of(variant, shape, B, seed, check);
      const got = await outputsOf(device, variant, shape, B, seed, check);
      for (const [layer, values] of got.entries()) {
        const { error, index, outside } = compare(values, want[layer]!);
        const at = `${nameOf(check)}, layer ${layer}, y[${placeOf(index, shape.E)}]`;
        if (!(error <= worst.error)) worst = { error, at };
        if (outside > 0)
          return report(
            `differs from the reference at ${at}: got ${values[index]}, want ${want[layer]![index]} ` +
              `(${outside} of ${values.length} values are further off than ${TOLERANCE.atol} + ${TOLERANCE.rtol}·|want|)`,
          );
      }
    } catch (error) {
      throwIfRefused(device, error);
      const kind = ValueError.isInstance(error) ? 'refused' : 'threw';
      return report(`${kind} at ${nameOf(check)}: ${messageOf(error)}`);
    }
    done.push(nameOf(check));
  }
  return report();
}

function nameOf({ phase, before, L }: CheckCase): string {
  if (phase === 'decode') return `decode ${before + 1}`;
  return before === 0 ? `prefill ${L} whole` : `prefill ${before + L}, last ${L} queries`;
}

function placeOf(index: number, E: number): string {
  return `${Math.floor(index / E)}, ${index % E}`;
}

async function outputsOf(
  device: Device,
  variant: ConfiguredVariant,
  shape: LayerShape,
  B: number,
  seed: number,
  { before, L }: CheckCase,
): Promise<readonly Float32Array[]> {
  const stack = new Stack({ device, variant, shape, B, seed, capacity: before + L });
  try {
    stack.fill(before);
    const outputs = stack.run(stack.input(L), stack.positions(before, L));
    const values = await Promise.all(outputs.map((output) => output.data()));
    for (const output of outputs) output.dispose();
    return values as Float32Array[];
  } finally {
    stack.dispose();
  }
}

/** The worst of all values, and how many are outside the tolerance. */
export function compare(
  got: Float32Array,
  want: Float32Array,
  { atol, rtol }: CheckReport['tolerance'] = TOLERANCE,
): { readonly error: number; readonly index: number; readonly outside: number } {
  if (got.length !== want.length) throw new RangeError(`got ${got.length} values, want ${want.length}`);
  let worst = { error: 0, index: 0 };
  let outside = 0;
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!);
    // a NaN is further off than everything
    if (!(error <= atol + rtol * Math.abs(want[i]!))) outside++;
    if (!(error <= worst.error)) worst = { error: Number.isNaN(error) ? Infinity : error, index: i };
  }
  return { ...worst, outside };
}
