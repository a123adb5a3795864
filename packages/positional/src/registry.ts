import type { EncodingAbout } from './contract.ts';
import { alibi } from './encodings/alibi.ts';
import { dynamicNtk } from './encodings/dynamic-ntk.ts';
import { learned } from './encodings/learned.ts';
import { linear } from './encodings/linear.ts';
import { llama3 } from './encodings/llama3.ts';
import { longrope } from './encodings/longrope.ts';
import { none } from './encodings/none.ts';
import { ntkAware } from './encodings/ntk-aware.ts';
import { proportional } from './encodings/proportional.ts';
import { rotary } from './encodings/rotary.ts';
import { shaw } from './encodings/shaw.ts';
import { sinusoidal } from './encodings/sinusoidal.ts';
import { t5 } from './encodings/t5.ts';
import { xpos } from './encodings/xpos.ts';
import { yarn } from './encodings/yarn.ts';

/** Every encoding by name: command line, playground, README table and plots read this map. */
export const encodings = {
  sinusoidal,
  learned,
  rotary,
  linear,
  'ntk-aware': ntkAware,
  'dynamic-ntk': dynamicNtk,
  yarn,
  longrope,
  llama3,
  proportional,
  xpos,
  alibi,
  t5,
  shaw,
  none,
} as const satisfies { readonly [Name: string]: { readonly about: EncodingAbout } };

/** Name of a built-in encoding. */
export type EncodingName = keyof typeof encodings;
