import { llama } from './families/llama.ts';
import type { Family } from './family.ts';

/** Every family by the `model_type` of its files. Command line, checks and README table read this map. */
export const families: Readonly<Record<string, Family>> = {
  llama,
};
