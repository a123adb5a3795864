import { add } from '@headwise/tensor';
import type { Arrangement } from './arrangement.ts';

/**
 * The order of Gemma 2 and 3: a norm before each part, and one after it.
 *
 * ```text
 * h = x + postNorm(part(norm(x)))      norms `attentionNorm`, `attentionPostNorm`, `mlpNorm`, `mlpPostNorm`, …
 * ```
 *
 * Gemma Team 2024, "Gemma 2", section 2; the name is of Ding et al. 2021, "CogView", section 2.4.
 */
export const sandwich: Arrangement = {
  name: 'sandwich',
  norms: (parts) => parts.flatMap((part) => [`${part}Norm`, `${part}PostNorm`]),
  run: (x, parts, norm) =>
    parts.reduce((h, { name, run }) => add(h, norm(`${name}PostNorm`, run(norm(`${name}Norm`, h)))), x),
};
