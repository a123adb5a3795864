import { checkFields } from '@headwise/tensor';
import { checkSpec } from '../checks.ts';
import { type Cache, type CacheOptions, defineCache } from '../contract.ts';
import { createContiguous } from './contiguous.ts';

/**
 * One vector a token for all heads, from which keys and values are made anew: what multi-head latent attention
 * keeps. Its width is that of the compressed key-value and of the one rotated key that all heads share.
 *
 * ```text
 * latent [B, capacity, dc + dR]     DeepSeek-V2: dc = 512, dR = 64, as much as 2.25 heads of 128
 * ```
 *
 * The storage is a contiguous cache's; what makes it small is that the layer hands it latents.
 *
 * DeepSeek-AI 2024, "DeepSeek-V2", section 2.1 and Table 1.
 */
export const latent = defineCache({
  name: 'latent',
  title: 'Latents of multi-head latent attention',
  summary: 'Keeps one compressed vector a token instead of keys and values of every head.',
  holds: ['latent'],
  fidelity: 'exact',
  paper: { title: 'DeepSeek-V2', authors: 'DeepSeek-AI', year: 2024, arxiv: '2405.04434' },
  create: createLatent,
});

/** @throws {ValueError} if the layer is not latent, or B or the capacity is not a whole number ≥ 1. */
export function createLatent(options: CacheOptions): Cache {
  checkFields('latent', 'options', options);
  checkSpec('latent', options.spec, ['latent']);
  return createContiguous(options);
}
