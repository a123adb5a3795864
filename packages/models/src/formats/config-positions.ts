import { type ConfigEncoding, type HuggingFaceConfig, layersFromConfig } from '@headwise/positional';
import { ValueError } from '@headwise/tensor';
import type { ConfigFields } from './config-fields.ts';
import { shown } from './json.ts';

/** What positions are made from: where one of them is wrong, that is reported, and not what follows from it. */
const sizes = ['num_hidden_layers', 'num_attention_heads', 'hidden_size', 'head_dim'];

/** Names under which files say how queries and keys turn, and which layers do. */
const names = [
  'rope_theta',
  'rope_scaling',
  'rope_parameters',
  'partial_rotary_factor',
  'original_max_position_embeddings',
  'max_position_embeddings',
  'head_dim',
  'layer_types',
];

/**
 * The position encoding of each layer, as `layersFromConfig` reads it from the whole file; undefined where it cannot be
 * said, with the reason among the problems. Never throws.
 *
 * @param others further fields of the family that say something about positions
 */
export function positionsOf(
  fields: ConfigFields,
  ...others: readonly string[]
): readonly ConfigEncoding[] | undefined {
  fields.ignore(...names, ...others);
  if (!fields.sound(...sizes)) return undefined;
  try {
    // of a model for text: what a part for pictures or sound says is none of its business
    const { text_config, ...own } = fields.values;
    return layersFromConfig(own as HuggingFaceConfig);
  } catch (error) {
    // an encoding made by hand has a base, a file a rope_theta
    const isBase = ValueError.isInstance(error) && error.argument === 'base';
    if (isBase) fields.problems.push(`rope_theta must be a finite number > 0, it is ${shown(error.got)}`);
    else fields.problems.push((error as Error).message);
    return undefined;
  }
}

/**
 * Most positions: those of the file. Dynamic NTK, which begins where they end, has no bound. Never throws.
 *
 * @param encodings of the layers, from `positionsOf`
 * @param fallback where the file is silent
 */
export function contextOf(
  fields: ConfigFields,
  encodings: readonly ConfigEncoding[] | undefined,
  fallback?: number,
): number {
  const said = fields.count('max_position_embeddings', fallback, Number.MAX_SAFE_INTEGER);
  return encodings?.some(({ name }) => name === 'dynamic-ntk') ? Infinity : said;
}
