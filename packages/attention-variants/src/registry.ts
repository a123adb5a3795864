import { defineRegistry, type OptionsOf } from './contract.ts';
import { additive } from './variants/additive.ts';
import { anchor } from './variants/anchor.ts';
import { chunked } from './variants/chunked.ts';
import { crossAttention } from './variants/cross-attention.ts';
import { crossLayer } from './variants/cross-layer.ts';
import { differential } from './variants/differential.ts';
import { forgetting } from './variants/forgetting.ts';
import { gatedDelta } from './variants/gated-delta.ts';
import { groupedQuery } from './variants/grouped-query.ts';
import { indexed } from './variants/indexed.ts';
import { indexedLatent } from './variants/indexed-latent.ts';
import { kimiDelta } from './variants/kimi-delta.ts';
import { learnedSinks } from './variants/learned-sinks.ts';
import { linear } from './variants/linear.ts';
import { mixtureOfBlocks } from './variants/mixture-of-blocks.ts';
import { multiHead } from './variants/multi-head.ts';
import { multiHeadLatent } from './variants/multi-head-latent.ts';
import { multiQuery } from './variants/multi-query.ts';
import { multiplicative } from './variants/multiplicative.ts';
import { nativeSparse } from './variants/native-sparse.ts';
import { prefixLm } from './variants/prefix-lm.ts';
import { sinkTokens } from './variants/sink-tokens.ts';
import { slidingWindow } from './variants/sliding-window.ts';
import { softCapped } from './variants/soft-capped.ts';
import { stickBreaking } from './variants/stick-breaking.ts';
import { tailSharing } from './variants/tail-sharing.ts';

/** Every built-in variant by name. Command line, benchmarks, playground and README table read this map. */
export const variants = defineRegistry({
  'multi-head': multiHead,
  'multi-query': multiQuery,
  'grouped-query': groupedQuery,
  'sliding-window': slidingWindow,
  chunked,
  'sink-tokens': sinkTokens,
  'learned-sinks': learnedSinks,
  'soft-capped': softCapped,
  forgetting,
  'stick-breaking': stickBreaking,
  indexed,
  'mixture-of-blocks': mixtureOfBlocks,
  'native-sparse': nativeSparse,
  'prefix-lm': prefixLm,
  anchor,
  'cross-layer': crossLayer,
  'tail-sharing': tailSharing,
  'multi-head-latent': multiHeadLatent,
  'indexed-latent': indexedLatent,
  differential,
  linear,
  'gated-delta': gatedDelta,
  'kimi-delta': kimiDelta,
  'cross-attention': crossAttention,
  additive,
  multiplicative,
});

/** Name of a built-in variant: a key of {@link variants}. */
export type VariantName = keyof typeof variants;
/** Options of a built-in variant, all of them optional. */
export type VariantOptions<Name extends VariantName> = OptionsOf<(typeof variants)[Name]>;
