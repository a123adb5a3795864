import { add } from '@headwise/tensor';
import type { Arrangement } from './arrangement.ts';

/**
 * The first block of ModernBERT: as `preNorm`, but its first part reads the embeddings as they are, since these are
 * normalised already.
 *
 * ```text
 * h = x + attention(x)      y = h + mlp(norm(h))      norms of all parts but the first
 * ```
 *
 * Warner et al. 2024, "ModernBERT", section 2.1.1.
 */
export const embedNormed: Arrangement = {
  name: 'embed-normed',
  norms: (parts) => parts.slice(1).map((part) => `${part}Norm`),
  run: (x, parts, norm) =>
    parts.reduce((h, { name, run }, i) => add(h, run(i === 0 ? h : norm(`${name}Norm`, h))), x),
};
