import { add } from '@headwise/tensor';
import type { Arrangement } from './arrangement.ts';

/**
 * The order of OLMo 2: what a part adds is normalised, what it reads and the sum are not.
 *
 * ```text
 * h = x + norm(part(x))      for one part after the other; norms `attentionNorm`, `mlpNorm`, …
 * ```
 *
 * OLMo Team 2024, "2 OLMo 2 Furious", section 3.3.
 */
export const branchNorm: Arrangement = {
  name: 'branch-norm',
  norms: (parts) => parts.map((part) => `${part}Norm`),
  run: (x, parts, norm) => parts.reduce((h, { name, run }) => add(h, norm(`${name}Norm`, run(h))), x),
};
