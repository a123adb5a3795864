import { createReference, type Device, type Modifier, type Tensor } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { and, not, or } from '../modifiers/compose.ts';
import { maskModifier, scoreModifier } from '../modifiers/define.ts';
import { groupedQuery } from '../variants/grouped-query.ts';

const causal = maskModifier('function (b, h, q, k) { return k <= q ? 1 : 0; }');
const window = maskModifier('function (b, h, q, k) { return q - k < W ? 1 : 0; }', { W: 3 });
const early = maskModifier(
  `function (b, h, q, k) {
  // branches, a loop and an early return
  if (h === 1) { return 1; }
  let seen = 0;
  for (let i = 0; i < 4; i++) {
    if (i * step === k) { seen += 1; }
  }
  if (seen > 0 && !(b === 1)) return 1;
  return Math.abs(q - k) < 2 || k === 0 ? 1 : 0;
}`,
  { step: 2 },
);

/** Everything the dialect has, and every `Math` function of it, within the range of a score. */
export const modifierCases: readonly (readonly [name: string, modifiers: readonly Modifier[]])[] = [
  ['a mask', [causal]],
  ['a mask with a constant', [window, causal]],
  ['branches, a loop, an early return', [early]],
  ['and, or, not of masks', [or(and(causal, window), not(early))]],
  ['a nested composition', [and(or(causal, early), not(and(window, not(causal))))]],
  [
    'a relative bias',
    [scoreModifier('function (s, b, h, q, k) { return s + (k - q) * slope; }', { slope: 0.125 })],
  ],
  [
    'a soft cap beyond the range of a GPU’s tanh',
    [scoreModifier('function (s, b, h, q, k) { return cap * Math.tanh(s * 100 / cap); }', { cap: 2 })],
  ],
  [
    'every function',
    [
      scoreModifier(`function (s, b, h, q, k) {
        const a = Math.abs(s) + 0.25;
        let t = Math.ceil(a) - Math.floor(a) + Math.round(a * 3 + 0.1) * 0.1;
        t += Math.exp(-a) + Math.log(a) + Math.sqrt(a) + Math.pow(a, 1.5);
        t -= Math.sin(a) * Math.cos(a) + Math.tanh(a);
        t *= Math.sign(s) * 0.5 + 1;
        t /= Math.max(1, Math.min(a, 4)) + Math.PI - Math.E + Math.SQRT2 * Math.SQRT1_2 + Math.LN2 - Math.LN10 * 0.1;
        return t + (Math.LOG2E - Math.LOG10E) * 0.01 + (q % 3) * 0.1 - +b * 0.2;
      }`),
    ],
  ],
  [
    'a loop to a parameter, stepping by two',
    [
      scoreModifier(
        `function (s, b, h, q, k) {
        let sum = 0;
        for (let i = 0; i <= q; i += 2) { sum += i === k ? 0.5 : 0.01; }
        for (let j = 0; j < rounds; j++) { sum -= 0.02 * (h + 1); }
        return s - sum;
      }`,
        { rounds: 3 },
      ),
    ],
  ],
  ['a score, then a mask', [scoreModifier('function (s, b, h, q, k) { return s * 0.5 + h; }'), causal]],
];

/**
 * Runs the modifiers on a device and on the reference, from one source.
 *
 * @throws {Error} naming the worst element if they differ.
 */
export async function checkModifiers(device: Device, modifiers: readonly Modifier[]): Promise<void> {
  const run = async (on: Device): Promise<Float32Array> => {
    const q: Tensor = seeded(on, [2, 7, 4, 8], 1);
    const k: Tensor = seeded(on, [2, 7, 2, 8], 2);
    const v: Tensor = seeded(on, [2, 7, 2, 8], 3);
    const { out } = groupedQuery.attend({ q, k, v, modifiers }, { causal: false });
    const values = (await out.data()) as Float32Array;
    for (const used of [q, k, v, out]) used.dispose();
    return values;
  };
  assertClose(await run(device), await run(createReference()), { atol: 2e-5, rtol: 1e-4 });
}
