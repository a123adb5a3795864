import type { ConfigFields } from './config-fields.ts';

/**
 * Tokens that each layer sees, itself among them, `Infinity` for all: from `layer_types` and `sliding_window`, or by
 * the family's pattern where the file lists no types. What is wrong is among the problems.
 *
 * @param otherwise the window where the file is silent, and which layers see everything where it lists none
 */
export function windowsOf(
  fields: ConfigFields,
  layers: number,
  otherwise: { readonly window: number; readonly isFull: (layer: number) => boolean },
): readonly number[] {
  const types = fields.each('layer_types', layers, ['full_attention', 'sliding_attention']);
  const full = Array.from({ length: layers }, (_, layer) =>
    types ? types[layer] === 'full_attention' : otherwise.isFull(layer),
  );
  const window = fields.count('sliding_window', otherwise.window);
  if (fields.get('sliding_window') === null && full.includes(false))
    fields.problems.push('sliding_window must be a whole number ≥ 1 where layers slide, it is null');
  return full.map((all) => (all ? Infinity : window));
}
