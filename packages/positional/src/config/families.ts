import { otherRotations, rotaryFamilies } from './rotary-families.ts';

/** Families with ALiBi always; others say so with `alibi: true`. */
export const alibiFamilies: ReadonlySet<string> = new Set(['bloom', 'mpt']);

/** Families with T5's buckets. */
export const bucketFamilies: ReadonlySet<string> = new Set(['t5', 'mt5', 'umt5', 'switch_transformers']);

/** Families with a learned table, and the row of position 0. */
export const learnedFamilies: Readonly<Record<string, number>> = {
  gpt2: 0,
  gpt_neo: 0,
  gpt_bigcode: 0,
  'openai-gpt': 0,
  bert: 0,
  distilbert: 0,
  electra: 0,
  albert: 0,
  opt: 2,
  bart: 2,
  mbart: 2,
  biogpt: 2,
};

/** Families whose learned table begins after the row of the padding token. */
export const afterPaddingFamilies: ReadonlySet<string> = new Set([
  'roberta',
  'xlm-roberta',
  'camembert',
  'esm',
]);

/** Families with sines and cosines. */
export const sinusoidalFamilies: Readonly<
  Record<string, { readonly spacing: 'paper' | 'tensor2tensor'; readonly offset: number }>
> = {
  marian: { spacing: 'paper', offset: 0 },
  xglm: { spacing: 'tensor2tensor', offset: 2 },
  m2m_100: { spacing: 'tensor2tensor', offset: 2 },
};

/** Every `model_type` that is known without further fields. */
export function knownFamilies(): readonly string[] {
  const names = [
    ...Object.keys(rotaryFamilies),
    ...alibiFamilies,
    ...bucketFamilies,
    ...Object.keys(learnedFamilies),
    ...afterPaddingFamilies,
    ...Object.keys(sinusoidalFamilies),
  ];
  return [...new Set(names)].filter((name) => !Object.hasOwn(otherRotations, name)).sort();
}
