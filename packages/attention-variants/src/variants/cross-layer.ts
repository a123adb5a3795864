import { ValueError } from '@headwise/tensor';
import { checkChoice } from '../checks.ts';
import { softmaxVariant } from '../softmax-variant.ts';
import { checkProducers, producers, type SharingPattern, sharingPatterns } from './cross-layer-patterns.ts';

/**
 * Cross-layer attention (CLA): a layer without keys and values of its own reads those of an earlier one, its
 * producer. With factor 2 every second layer does, and the cache is half as large. Orthogonal to sharing between
 * heads: `Hkv: 1` makes the paper's MQA + CLA2.
 *
 * ```text
 * producer layer   k, v from x, into its state     as multi-head / grouped / multi-query attention
 * consumer layer   q from x; k, v of the producer  keeps nothing, has no k and v weights
 * ```
 *
 * It cuts what is stored (about by the factor) and the k and v projections, not what a decode step reads: each
 * layer still reads the shared rows. Consumers read rows that were turned by the producer's positions.
 * The paper's models give the keys' and values' input a normalisation gain of its own: fold it into k and v.
 *
 * @see Brandon et al. 2024, "Reducing Transformer Key-Value Cache Size with Cross-Layer Attention", section 3,
 * {@link https://arxiv.org/abs/2405.12981}
 */
export const crossLayer = softmaxVariant({
  name: 'cross-layer',
  title: 'Cross-layer attention (CLA)',
  summary: 'Layers share the keys and values of an earlier layer: a cache smaller by the sharing factor.',
  paper: {
    title: 'Reducing Transformer Key-Value Cache Size with Cross-Layer Attention',
    authors: 'Brandon et al.',
    year: 2024,
    arxiv: '2405.12981',
  },
  defaults: {
    /** Layers that share one set of keys and values; `undefined` for 2 (1 in a model of one layer). */
    factor: undefined as number | undefined,
    /** Which layers share, or the producer of every layer (itself where it has its own). */
    pattern: 'uniform' as SharingPattern | readonly number[],
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Query at position p sees keys at positions ≤ p. */
    causal: true,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: ({ causal, scale }) => ({ causal, scale }),
  producer: ({ layers }, options, layer) => producerTable(layers, options)[layer] ?? layer,
  check: (shape, options) => {
    const { pattern } = options;
    if (typeof pattern === 'string') checkChoice('cross-layer', 'pattern', pattern, sharingPatterns);
    if (shape) producerTable(shape.layers, options);
  },
});

/** The producer of every layer. @throws {ValueError} if the pattern does not fit the depth. */
function producerTable(
  layers: number,
  {
    pattern,
    factor,
  }: { readonly pattern: SharingPattern | readonly number[]; readonly factor: number | undefined },
): readonly number[] {
  if (typeof pattern === 'string') return producers(pattern, layers, factor ?? Math.min(2, layers));
  if (factor !== undefined) {
    throw new ValueError(
      'cross-layer',
      'factor',
      'must be left out when pattern lists the producers',
      factor,
    );
  }
  checkProducers(pattern, layers);
  return pattern;
}
