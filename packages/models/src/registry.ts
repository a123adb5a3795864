import { cohere2 } from './families/cohere2.ts';
import { gptNeox } from './families/gpt-neox.ts';
import { gpt2 } from './families/gpt2.ts';
import { llama } from './families/llama.ts';
import { mistral } from './families/mistral.ts';
import { olmo2 } from './families/olmo2.ts';
import { phi3 } from './families/phi3.ts';
import { qwen2 } from './families/qwen2.ts';
import { qwen3 } from './families/qwen3.ts';
import { smollm3 } from './families/smollm3.ts';
import type { Family } from './family.ts';

/** Every family by the `model_type` of its files. Command line, checks and README table read this map. */
export const families: Readonly<Record<string, Family>> = {
  cohere2,
  gpt_neox: gptNeox,
  gpt2,
  llama,
  mistral,
  olmo2,
  phi3,
  qwen2,
  qwen3,
  smollm3,
};
