import type { Case } from './case.ts';
import { configCases } from './config.ts';
import { ggufCases } from './gguf.ts';
import { llama2cCases } from './llama2c.ts';
import { safetensorsCases } from './safetensors.ts';
import { shardCases } from './shards.ts';
import { endlessCases, templateCases, tokenizerCases } from './tokenizer.ts';

export type { Case } from './case.ts';
export { endlessCases };

/** Small models with one thing that is odd or wrong, by what it is in. */
export const cases: Readonly<Record<string, readonly Case[]>> = {
  safetensors: safetensorsCases(),
  'several files': shardCases(),
  'config.json': configCases(),
  GGUF: ggufCases(),
  'llama2.c': llama2cCases(),
  tokenizers: tokenizerCases(),
  'chat templates': templateCases(),
};
