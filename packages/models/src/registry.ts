import { bart } from './families/bart.ts';
import { bert } from './families/bert.ts';
import { cohere2 } from './families/cohere2.ts';
import { crossLayerAttention } from './families/cross-layer-attention.ts';
import { deepseekV2 } from './families/deepseek-v2.ts';
import { deepseekV3 } from './families/deepseek-v3.ts';
import { deepseekV32 } from './families/deepseek-v32.ts';
import { distilbert } from './families/distilbert.ts';
import { electra } from './families/electra.ts';
import { falcon } from './families/falcon.ts';
import { gemma2 } from './families/gemma2.ts';
import { gemma3 } from './families/gemma3.ts';
import { gptNeox } from './families/gpt-neox.ts';
import { gptOss } from './families/gpt-oss.ts';
import { gpt2 } from './families/gpt2.ts';
import { kimiLinear } from './families/kimi-linear.ts';
import { llama } from './families/llama.ts';
import { longformer } from './families/longformer.ts';
import { marian } from './families/marian.ts';
import { mistral } from './families/mistral.ts';
import { mixtral } from './families/mixtral.ts';
import { modernbert } from './families/modernbert.ts';
import { mt5 } from './families/mt5.ts';
import { nomicBert } from './families/nomic-bert.ts';
import { olmo2 } from './families/olmo2.ts';
import { phi3 } from './families/phi3.ts';
import { qwen2 } from './families/qwen2.ts';
import { qwen3 } from './families/qwen3.ts';
import { qwen3Next } from './families/qwen3-next.ts';
import { roberta } from './families/roberta.ts';
import { smollm3 } from './families/smollm3.ts';
import { t5 } from './families/t5.ts';
import { transformer } from './families/transformer.ts';
import { xlmRoberta } from './families/xlm-roberta.ts';
import type { Family } from './family.ts';

/** Every family by the `model_type` of its files. Command line, checks and README table read this map. */
export const families: Readonly<Record<string, Family>> = {
  bart,
  bert,
  cohere2,
  cross_layer_attention: crossLayerAttention,
  deepseek_v2: deepseekV2,
  deepseek_v3: deepseekV3,
  deepseek_v32: deepseekV32,
  distilbert,
  electra,
  falcon,
  gemma2,
  gemma3_text: gemma3,
  gpt2,
  gpt_neox: gptNeox,
  gpt_oss: gptOss,
  kimi_linear: kimiLinear,
  llama,
  longformer,
  marian,
  mistral,
  mixtral,
  modernbert,
  mt5,
  nomic_bert: nomicBert,
  olmo2,
  phi3,
  qwen2,
  qwen3,
  qwen3_next: qwen3Next,
  roberta,
  smollm3,
  t5,
  transformer,
  'xlm-roberta': xlmRoberta,
};
