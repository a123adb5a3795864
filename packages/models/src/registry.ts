import { bart } from './families/bart.ts';
import { bert } from './families/bert.ts';
import { distilbert } from './families/distilbert.ts';
import { electra } from './families/electra.ts';
import { llama } from './families/llama.ts';
import { marian } from './families/marian.ts';
import { modernbert } from './families/modernbert.ts';
import { roberta } from './families/roberta.ts';
import { t5 } from './families/t5.ts';
import type { Family } from './family.ts';

/** Every family by the `model_type` of its files. Command line, checks and README table read this map. */
export const families: Readonly<Record<string, Family>> = {
  bart,
  bert,
  distilbert,
  electra,
  llama,
  marian,
  modernbert,
  roberta,
  t5,
};
