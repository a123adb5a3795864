import { ValueError } from '@headwise/tensor';
import { type RotaryFamily, rotaryFamilies } from './families.ts';
import { entryOf, Fields, type HuggingFaceConfig, OP } from './read.ts';
import { ropeLayerTypes } from './rope.ts';

/** Layers that have no attention, and so no positions. */
const withoutAttention: ReadonlySet<string> = new Set(['linear_attention', 'conv', 'mamba', 'recurrent']);

/** One layer of a configuration with rotary positions. */
export interface RotaryLayer {
  /** `full_attention`, `sliding_attention`, … */
  readonly type: string;
  /** False for a layer without an encoding (NoPE). */
  readonly turns: boolean;
}

/**
 * The layers of a configuration, from `layer_types` or the older fields that say the same.
 *
 * @throws {ValueError} if the encodings differ by layer type and nothing says which layer has which.
 */
export function rotaryLayers(config: HuggingFaceConfig): readonly RotaryLayer[] {
  const fields = new Fields(config, 'config');
  const family = entryOf(rotaryFamilies, fields.text('model_type')) ?? {};
  const types = typesOf(fields, family);
  const marks = fields.list(
    'no_rope_layers',
    'must be a list of 0 (no rotation) and 1',
    (mark) => mark === 0 || mark === 1,
  );
  const every = fields.count('no_rope_layer_interval') ?? family.unturnedEvery;
  if (marks && marks.length > 0 && marks.length !== types.length) {
    const rule = `must have one mark for each of the ${types.length} layers`;
    throw new ValueError(OP, 'config.no_rope_layers', rule, `${marks.length} marks`);
  }
  const slidingIsOff = family.turnsOnly === 'sliding_attention' && config.sliding_window === null;
  return types.map((type, layer) => ({
    type,
    turns:
      !withoutAttention.has(type) &&
      (slidingIsOff || family.turnsOnly === undefined || family.turnsOnly === type) &&
      (marks && marks.length > 0 ? marks[layer] === 1 : every === undefined || (layer + 1) % every !== 0),
  }));
}

function typesOf(config: Fields, family: RotaryFamily): readonly string[] {
  const isText = (value: unknown): boolean => typeof value === 'string';
  const given = config.list('layer_types', 'must be a list of names', isText) as
    | readonly string[]
    | undefined;
  const layers = config.count('num_hidden_layers', 'n_layer', 'num_layers') ?? given?.length ?? 1;
  if (given) {
    if (given.length === layers) return given;
    const rule = `must have one name for each of the ${layers} layers`;
    throw new ValueError(OP, 'config.layer_types', rule, `${given.length} names`);
  }
  const every =
    config.count('sliding_window_pattern', '_sliding_window_pattern', 'global_attn_every_n_layers') ??
    family.full?.every;
  const differ = ropeLayerTypes(config.values) !== undefined || family.full !== undefined;
  if (!differ) return Array<string>(layers).fill('full_attention');
  if (every === undefined)
    return config.missing('layer_types', 'the encodings differ by layer type, so each layer needs one');
  const last = (family.full?.at ?? 'last') === 'last';
  return Array.from({ length: layers }, (_, i) =>
    (last ? i + 1 : i) % every === 0 ? 'full_attention' : 'sliding_attention',
  );
}
