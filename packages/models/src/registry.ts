import { crossLayerAttention } from './families/cross-layer-attention.ts';
import { deepseekV2 } from './families/deepseek-v2.ts';
import { deepseekV3 } from './families/deepseek-v3.ts';
import { falcon } from './families/falcon.ts';
import { gemma2 } from './families/gemma2.ts';
import { gemma3 } from './families/gemma3.ts';
import { gptOss } from './families/gpt-oss.ts';
import { llama } from './families/llama.ts';
import { mixtral } from './families/mixtral.ts';
import type { Family } from './family.ts';

/** Every family by the `model_type` of its files. Command line, checks and README table read this map. */
export const families: Readonly<Record<string, Family>> = {
  cross_layer_attention: crossLayerAttention,
  deepseek_v2: deepseekV2,
  deepseek_v3: deepseekV3,
  falcon,
  gemma2,
  gemma3_text: gemma3,
  gpt_oss: gptOss,
  llama,
  mixtral,
};
