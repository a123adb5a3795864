import type { RotaryLayout } from '@headwise/tensor';

/** What a model family has where its configuration is silent, or has no field for. */
export interface RotaryFamily {
  /** Base, one for all layers or by layer type. Default 10 000. */
  readonly base?: number | Readonly<Record<string, number>>;
  /** Share of a head that turns. Default 1. */
  readonly fraction?: number;
  /** The layout its weights were trained with. Default `half`. */
  readonly layout?: RotaryLayout;
  /** Layers of other types have no encoding. */
  readonly turnsOnly?: string;
  /** Every n-th layer has no encoding. */
  readonly unturnedEvery?: number;
  /** Layer types where the configuration names none: every n-th layer is full, `at` the first or the last of n. */
  readonly full?: { readonly every: number; readonly at: 'first' | 'last' };
}

const gemma3: RotaryFamily = {
  base: { full_attention: 1_000_000, sliding_attention: 10_000 },
  full: { every: 6, at: 'last' },
};
const llama4: RotaryFamily = { base: 500_000, layout: 'interleaved', unturnedEvery: 4 };

/** Families with rotary positions, by `model_type`. Facts of Hugging Face transformers 5. */
export const rotaryFamilies: Readonly<Record<string, RotaryFamily>> = {
  llama: {},
  mistral: {},
  ministral: {},
  mixtral: { base: 1_000_000 },
  qwen2: {},
  qwen2_moe: {},
  qwen3: {},
  qwen3_moe: {},
  qwen3_next: {},
  gemma: {},
  gemma2: {},
  gemma3,
  gemma3_text: gemma3,
  gemma3n: gemma3,
  gemma3n_text: gemma3,
  gemma4: gemma3,
  gemma4_text: gemma3,
  phi: { fraction: 0.5 },
  phi3: {},
  phimoe: {},
  gpt_neox: { fraction: 0.25 },
  gptj: { layout: 'interleaved' },
  codegen: { layout: 'interleaved' },
  gpt_oss: { base: 150_000 },
  falcon: {},
  stablelm: { fraction: 0.25 },
  starcoder2: {},
  persimmon: { fraction: 0.5 },
  nemotron: { fraction: 0.5 },
  olmo: {},
  olmo2: {},
  olmo3: {},
  granite: {},
  granitemoe: {},
  cohere: { layout: 'interleaved' },
  cohere2: {
    layout: 'interleaved',
    turnsOnly: 'sliding_attention',
    full: { every: 4, at: 'last' },
  },
  exaone4: { turnsOnly: 'sliding_attention' },
  glm: { fraction: 0.5, layout: 'interleaved' },
  glm4: { fraction: 0.5, layout: 'interleaved' },
  glm4_moe: { fraction: 0.5 },
  helium: { layout: 'interleaved' },
  ernie4_5: { base: 500_000, layout: 'interleaved' },
  ernie4_5_moe: { base: 500_000, layout: 'interleaved' },
  deepseek_v2: { layout: 'interleaved' },
  deepseek_v3: { layout: 'interleaved' },
  llama4,
  llama4_text: llama4,
  smollm3: { base: 2_000_000, unturnedEvery: 4 },
  lfm2: { base: 1_000_000 },
  modernbert: {
    base: { full_attention: 160_000, sliding_attention: 10_000 },
    full: { every: 3, at: 'first' },
  },
};

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
export const afterPaddingFamilies: ReadonlySet<string> = new Set(['roberta', 'xlm-roberta', 'camembert']);

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
  return [
    ...Object.keys(rotaryFamilies),
    ...alibiFamilies,
    ...bucketFamilies,
    ...Object.keys(learnedFamilies),
    ...afterPaddingFamilies,
    ...Object.keys(sinusoidalFamilies),
  ].sort();
}
