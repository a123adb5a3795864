import { type ConfigEncoding, type HuggingFaceConfig, layersFromConfig } from '@headwise/positional';
import { ValueError } from '@headwise/tensor';
import type { ConfigFields } from './config-fields.ts';
import { shown } from './json.ts';

/** What positions are made from: where one of them is wrong, that is reported, and not what follows from it. */
const sizes = ['num_hidden_layers', 'num_attention_heads', 'hidden_size', 'head_dim'];

/** Far above every head there is. */
const MOST_WIDTH = 2 ** 16;

/** Names under which files say how queries and keys turn, and which layers do. */
const names = [
  'rope_theta',
  'rope_scaling',
  'rope_parameters',
  'partial_rotary_factor',
  'original_max_position_embeddings',
  'max_position_embeddings',
  'head_dim',
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
  const width = widthOfHeads(fields);
  if (width > MOST_WIDTH) {
    fields.problems.push(`heads of ${width} numbers are not supported, only of up to ${MOST_WIDTH}`);
    return undefined;
  }
  const { rope_theta: above, rope_parameters: inside } = fields.values;
  const said =
    typeof inside === 'object' && inside !== null
      ? (inside as { rope_theta?: unknown }).rope_theta
      : undefined;
  if (typeof above === 'number' && typeof said === 'number' && above !== said)
    fields.problems.push(`rope_theta is ${above}, and ${said} in rope_parameters: they must be the same`);
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

/** What turns of a head, as far as the file says it: a wide one is much work before anything is read. */
function widthOfHeads(fields: ConfigFields): number {
  const { values } = fields;
  const said = values.qk_rope_head_dim ?? values.head_dim;
  const E = values.hidden_size ?? values.n_embd;
  const H = values.num_attention_heads ?? values.n_head;
  return Math.floor(typeof said === 'number' ? said : Number(E) / Number(H)) || 0;
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
