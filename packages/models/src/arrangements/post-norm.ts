import { add } from '@headwise/tensor';
import type { Arrangement } from './arrangement.ts';

/**
 * The order of the original Transformer and of BERT: the sum is normalised.
 *
 * ```text
 * h = norm(x + part(x))      for one part after the other; norms `attentionNorm`, `mlpNorm`, …
 * ```
 *
 * Vaswani et al. 2017, "Attention Is All You Need", section 3.1.
 */
export const postNorm: Arrangement = {
  name: 'post-norm',
  norms: (parts) => parts.map((part) => `${part}Norm`),
  run: (x, parts, norm) => parts.reduce((h, { name, run }) => norm(`${name}Norm`, add(h, run(h))), x),
};
