import { entryOf, type Fields } from './read.ts';
import type { RotaryFamily } from './rotary-families.ts';

/** Layers that have no attention, and so no positions. */
const withoutAttention: ReadonlySet<string> = new Set([
  'linear_attention',
  'conv',
  'recurrent',
  'mlp',
  'moe',
  'dense',
  'sparse',
]);

/** What earlier versions and other libraries call them. */
const oldNames: Readonly<Record<string, string>> = {
  attention: 'full_attention',
  mamba: 'linear_attention',
  deepseek_sparse_attention: 'indexed_attention',
  qwen_sparse_attention: 'indexed_attention',
};

/** Every name that `layer_types` may hold in transformers 5.24.0; another may stand for layers without positions. */
export const layerTypes: ReadonlySet<string> = new Set([
  'full_attention',
  'sliding_attention',
  'chunked_attention',
  'window_attention',
  'indexed_attention',
  'reference_sliding_attention',
  'compressed_sparse_attention',
  'heavily_compressed_attention',
  'minimax_m3_sparse',
  'hybrid',
  'hybrid_sliding',
  ...withoutAttention,
  ...Object.keys(oldNames),
]);

/** More layers than any model has; a file that says more is broken, and a list of them would fill the memory. */
const MOST_LAYERS = 10_000;

/** One layer of a configuration with rotary positions. */
export interface RotaryLayer {
  /** `full_attention`, `sliding_attention`, … */
  readonly type: string;
  /** False for a layer without an encoding (NoPE). */
  readonly turns: boolean;
  /** A base of its own. */
  readonly base: number | undefined;
}

/** How many layers the file has. @throws {ValueError} if that is no sensible number. */
export function layerCount(config: Fields): number | undefined {
  const names = ['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers', 'decoder_num_hidden_layers'];
  const layers = config.count(...names);
  if (layers !== undefined && layers > MOST_LAYERS) {
    const key = names.find((name) => config.has(name))!;
    config.refuse(key, `must be at most ${MOST_LAYERS} layers`);
  }
  return layers;
}

/**
 * The layers of a configuration, from `layer_types` or the older fields that say the same.
 *
 * @throws {ValueError} if the layers differ and nothing says which is which, or lists do not fit.
 */
export function rotaryLayers(config: Fields, family: RotaryFamily): readonly RotaryLayer[] {
  if (family.said && !config.has('position_embedding_type')) return unturned(config, family);
  const types = typesOf(config, family);
  const turning = turningOf(config, family, types);
  return types.map((type, layer) => {
    const turn = withoutAttention.has(type) ? false : turning(layer);
    return { type, turns: turn !== false, base: typeof turn === 'number' ? turn : undefined };
  });
}

function unturned(config: Fields, family: RotaryFamily): readonly RotaryLayer[] {
  return typesOf(config, family).map((type) => ({ type, turns: false, base: undefined }));
}

function typesOf(config: Fields, family: RotaryFamily): readonly string[] {
  const key = config.has('layer_types') ? 'layer_types' : 'layers_block_type';
  const given = config.names(key) ?? attentionLayers(config);
  const strange = given?.find((type) => !layerTypes.has(type));
  if (strange !== undefined)
    config.refuse(key, `has a name that is not known; known: ${[...layerTypes].join(', ')}`, strange);
  const count = layerCount(config);
  const layers = count === undefined ? given?.length : count * (family.attentions ?? 1);
  if (given && layers !== given.length) {
    const rule = `must have one name for each of the ${layers} layers`;
    config.refuse(key, rule, `${given.length} names`);
  }
  const types = given?.map((type) => entryOf(oldNames, type) ?? type) ?? patternOf(config, family, layers);
  return family.endsFull ? [...types.slice(0, -1), 'full_attention'] : types;
}

/** The types by lists of layers with attention, of the families of before `layer_types`. */
function attentionLayers(config: Fields): readonly string[] | undefined {
  const whole = (value: unknown): boolean => Number.isInteger(value);
  for (const [key, other] of [
    ['attn_layer_indices', 'linear_attention'],
    ['full_attn_idxs', 'conv'],
  ] as const) {
    const indices = config.list(key, 'must be a list of whole numbers', whole);
    const layers = layerCount(config);
    if (indices && layers !== undefined)
      return Array.from({ length: layers }, (_, i) => (indices.includes(i) ? 'full_attention' : other));
  }
  const blocks = config.names('block_types');
  if (!blocks) return undefined;
  const layers = layerCount(config) ?? blocks.length;
  return Array.from({ length: layers }, (_, i) => blocks[i % blocks.length]!);
}

function patternOf(config: Fields, family: RotaryFamily, layers: number | undefined): readonly string[] {
  if (config.values.model_type === 'bamba') return Array<string>(layers ?? 1).fill('linear_attention');
  const { layers: pattern } = family;
  const differ = pattern !== undefined || family.turns !== undefined || family.byType !== undefined;
  if (layers === undefined && differ)
    config.missing('num_hidden_layers', 'the layers of this family differ, so their number matters');
  if (!pattern) return Array<string>(layers ?? 1).fill('full_attention');
  const every = (pattern.field === undefined ? undefined : config.count(pattern.field)) ?? pattern.every;
  return Array.from({ length: layers! }, (_, i) => pattern.typeOf(i, layers!, every));
}

/** Whether a layer turns, and with which base if it has its own. */
type Turning = (layer: number) => boolean | number;

function turningOf(config: Fields, family: RotaryFamily, types: readonly string[]): Turning {
  const marks = marksOf(config, family, types.length);
  const slides: Turning = (layer) => types[layer] === 'sliding_attention';
  const window = config.get('sliding_window') !== null;
  switch (family.turns) {
    case 'sliding':
      return slides;
    case 'windowed':
      return (layer) => window && slides(layer);
    case 'windowed or dense':
      return denseTurning(config, types, (layer) => window && slides(layer));
    case 'sliding, or all without a window':
      return window ? slides : () => true;
    case 'marks':
      return marks;
    case 'bases':
      return basesOf(config, types);
    case 'hybrid':
      return config.flag('use_mem_rope') ? (layer) => types[layer] === 'hybrid' : () => false;
    case 'not crossing': {
      const crossing = config.list(
        'cross_attention_layers',
        'must be a list of whole numbers',
        Number.isInteger,
      );
      const every = crossing ?? [3, 8, 13, 18, 23, 28, 33, 38];
      return (layer) => !every.includes(layer);
    }
    default:
      return () => true;
  }
}

function marksOf(config: Fields, family: RotaryFamily, layers: number): Turning {
  const isMark = (mark: unknown): boolean => mark === 0 || mark === 1;
  const marks = config.list('no_rope_layers', 'must be a list of 0 (no rotation) and 1', isMark) ?? [];
  if (marks.length > 0 && marks.length !== layers) {
    const rule = `must have one mark for each of the ${layers} layers`;
    config.refuse('no_rope_layers', rule, `${marks.length} marks`);
  }
  if (family.turns !== 'marks' && marks.includes(0)) {
    const rule = `leaves layers unturned, but ${String(config.values.model_type)} turns all of them`;
    config.refuse('no_rope_layers', rule);
  }
  if (marks.length > 0) return (layer) => marks[layer] === 1;
  const every = config.count('no_rope_layer_interval') ?? 4;
  if (family.turns !== 'marks' && config.has('no_rope_layer_interval') && every <= layers)
    config.refuse(
      'no_rope_layer_interval',
      `is not read: ${String(config.values.model_type)} turns all layers`,
    );
  return (layer) => (layer + 1) % every !== 0;
}

/** Cohere 2 MoE: with a prefix pattern of 1 the layers with a dense feed-forward turn too. */
function denseTurning(config: Fields, types: readonly string[], turns: Turning): Turning {
  if (config.number('first_k_dense_replace')) {
    const rule = 'is not read: give layer_types and mlp_layer_types, one name a layer';
    config.refuse('first_k_dense_replace', rule);
  }
  const kinds = config.names('mlp_layer_types') ?? [];
  if (kinds.length > 0 && kinds.length !== types.length) {
    const rule = `must have one name for each of the ${types.length} layers`;
    config.refuse('mlp_layer_types', rule, `${kinds.length} names`);
  }
  const forced = (config.count('prefix_dense_sliding_window_pattern') ?? 1) === 1;
  return (layer) => turns(layer) || (forced && kinds[layer] === 'dense');
}

/** A base a layer, 0 for none; where the file has no list, the full layers of Muse stand still. */
function basesOf(config: Fields, types: readonly string[]): Turning {
  const fits = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0;
  const bases = config.list('layer_rope_theta', 'must be a list of numbers ≥ 0', fits);
  const muse = String(config.values.model_type).startsWith('muse');
  if (!bases) return (layer) => !muse || types[layer] !== 'full_attention';
  if (bases.length !== types.length) {
    const rule = `must have one base for each of the ${types.length} layers`;
    config.refuse('layer_rope_theta', rule, `${bases.length} bases`);
  }
  return (layer) => (bases[layer] === 0 ? false : (bases[layer] as number));
}
