import { type ConfiguredVariant, configure, groupedQuery, slidingWindow } from '@headwise/attention-variants';
import type { ConfigFields } from './config-fields.ts';

/** What `layer_types` may say of a layer: softmax attention over all or over a window, or a recurrence. */
export const FULL = 'full_attention';
export const SLIDING = 'sliding_attention';
export const LINEAR = 'linear_attention';

/**
 * Tokens that a sliding layer sees, the query's own among them; undefined (all of them) where the file says `null`.
 * Never throws.
 *
 * @param fallback where the file is silent
 */
export function windowOf(
  fields: ConfigFields,
  fallback?: number,
  key = 'sliding_window',
): number | undefined {
  return fields.get(key) === null ? undefined : fields.has(key) ? fields.optionalCount(key) : fallback;
}

/**
 * The window of each layer, undefined for a layer that sees everything: as `layer_types` says, or else by a rule. Never throws.
 *
 * @param window of the layers that slide; where there is none, a layer that slides is a problem
 * @param slides whether a layer slides in a file without `layer_types`
 */
export function windowsOf(
  fields: ConfigFields,
  layers: number,
  window: number | undefined,
  slides: (layer: number) => boolean,
): readonly (number | undefined)[] {
  // reported by itself, and no list could fit
  if (!fields.sound('num_hidden_layers')) return [];
  const types =
    fields.each('layer_types', layers, [FULL, SLIDING]) ??
    Array.from({ length: layers }, (_, layer) => (slides(layer) ? SLIDING : FULL));
  if (window === undefined && types.includes(SLIDING) && fields.sound('sliding_window')) {
    fields.problems.push('layer_types has layers that slide, and there is no sliding_window for them');
    return types.map(() => undefined);
  }
  return types.map((type) => (type === SLIDING ? window : undefined));
}

/** Grouped-query attention, over a window where there is one: the cache of such a layer is a ring. Never throws. */
export function windowed(Hkv: number, window: number | undefined): ConfiguredVariant {
  return window === undefined ? configure(groupedQuery, { Hkv }) : configure(slidingWindow, { Hkv, window });
}
