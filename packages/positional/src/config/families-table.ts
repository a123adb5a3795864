import {
  afterPaddingFamilies,
  alibiFamilies,
  bucketFamilies,
  learnedFamilies,
  sinusoidalFamilies,
} from './families.ts';
import { isDictionary } from './read.ts';
import { otherRotations, type RotaryFamily, rotaryFamilies } from './rotary-families.ts';

/** The README's table of families, from the tables that `fromConfig` reads; a test compares. */
export function familiesTable(): string {
  const rotary = (fits: (family: RotaryFamily) => boolean): readonly string[] =>
    Object.keys(rotaryFamilies).filter((name) => fits(rotaryFamilies[name]!));
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['rotary, half-split', rotary(({ layout }) => layout !== 'interleaved')],
    ['rotary, interleaved', rotary(({ layout }) => layout === 'interleaved')],
    ['of these, a base or scaling by layer type', rotary(({ byType }) => byType !== undefined)],
    ['of these, layers without a rotation', rotary(({ turns }) => turns !== undefined)],
    ['of these, a share of a head by default', rotary(turnsShare)],
    ['of these, text alone (M-RoPE)', rotary(({ axes }) => axes === true)],
    ['ALiBi (others by `alibi: true`)', [...alibiFamilies]],
    ["T5's buckets", [...bucketFamilies]],
    ['learned', [...Object.keys(learnedFamilies), ...afterPaddingFamilies]],
    ['sinusoidal', Object.keys(sinusoidalFamilies)],
  ];
  const other = Object.entries(otherRotations).map(([name, why]) => `${name}: ${why}`);
  return `| positions | families |
| --- | --- |
${rows.map(([what, names]) => `| ${what} | ${[...names].sort().join(', ')} |`).join('\n')}
| refused | ${other.join('; ')} |
`;
}

function turnsShare({ fraction, rotaryDim, parameters = {} }: RotaryFamily): boolean {
  const byType = Object.values(parameters).filter(isDictionary);
  return (
    (typeof fraction === 'number' && fraction < 1) ||
    typeof rotaryDim === 'number' ||
    byType.some((own) => Number(own.partial_rotary_factor ?? 1) < 1)
  );
}
