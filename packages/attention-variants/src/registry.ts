import { defineRegistry, type OptionsOf } from './contract.ts';
import { crossLayer } from './variants/cross-layer.ts';
import { groupedQuery } from './variants/grouped-query.ts';
import { multiHead } from './variants/multi-head.ts';
import { multiQuery } from './variants/multi-query.ts';
import { slidingWindow } from './variants/sliding-window.ts';

/** Every built-in variant by name. Command line, benchmarks, playground and README table read this map. */
export const variants = defineRegistry({
  'multi-head': multiHead,
  'multi-query': multiQuery,
  'grouped-query': groupedQuery,
  'sliding-window': slidingWindow,
  'cross-layer': crossLayer,
});

export type VariantName = keyof typeof variants;
export type VariantOptions<Name extends VariantName> = OptionsOf<(typeof variants)[Name]>;
