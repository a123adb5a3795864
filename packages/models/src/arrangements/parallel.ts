import { add } from '@headwise/tensor';
import type { Arrangement } from './arrangement.ts';

/**
 * The order of GPT-NeoX: all parts read the same stream, each through a norm of its own, and are added at once.
 *
 * ```text
 * y = x + Σ part(norm_part(x))      norms `attentionNorm`, `mlpNorm`, …
 * ```
 *
 * Black et al. 2022, "GPT-NeoX-20B", section 2.1.
 */
export const parallel: Arrangement = {
  name: 'parallel',
  norms: (parts) => parts.map((part) => `${part}Norm`),
  run: (x, parts, norm) => parts.reduce((h, { name, run }) => add(h, run(norm(`${name}Norm`, x))), x),
};

/**
 * The order of GPT-J, PaLM and Falcon 7B: as `parallel`, with one norm that all parts read.
 *
 * ```text
 * y = x + Σ part(norm(x))      norm `norm`
 * ```
 *
 * Wang & Komatsuzaki 2021, "GPT-J-6B"; Chowdhery et al. 2022, "PaLM", section 2.
 */
export const parallelOneNorm: Arrangement = {
  name: 'parallel-one-norm',
  norms: () => ['norm'],
  run(x, parts, norm) {
    const normed = norm('norm', x);
    return parts.reduce((h, { run }) => add(h, run(normed)), x);
  },
};
