import { add } from '@headwise/tensor';
import type { Arrangement } from './arrangement.ts';

/**
 * The order of GPT-2 and Llama: the residual stream is only ever added to.
 *
 * ```text
 * h = x + part(norm(x))      for one part after the other; norms `attentionNorm`, `mlpNorm`, …
 * ```
 *
 * Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture", table 1, right column.
 */
export const preNorm: Arrangement = {
  name: 'pre-norm',
  norms: (parts) => parts.map((part) => `${part}Norm`),
  run: (x, parts, norm) => parts.reduce((h, { name, run }) => add(h, run(norm(`${name}Norm`, h))), x),
};
