import { type NoEncoding, type Tensor, ValueError } from '@headwise/tensor';
import type { RotaryEncoding, ScoreBias, TableEncoding } from '../contract.ts';
import { alibi, alibiSlopes } from '../encodings/alibi.ts';
import { learned } from '../encodings/learned.ts';
import { none } from '../encodings/none.ts';
import { sinusoidal } from '../encodings/sinusoidal.ts';
import { t5 } from '../encodings/t5.ts';
import {
  afterPaddingFamilies,
  alibiFamilies,
  bucketFamilies,
  knownFamilies,
  learnedFamilies,
  rotaryFamilies,
  sinusoidalFamilies,
} from './families.ts';
import { rotaryLayers } from './layers.ts';
import { type ConfigOptions, entryOf, Fields, type HuggingFaceConfig, isDictionary, OP } from './read.ts';
import { ropeEncoding, sameRope } from './rope.ts';

/** What a configuration can name. */
export type ConfigEncoding = RotaryEncoding | ScoreBias | TableEncoding | NoEncoding;

/**
 * The position encoding of a Hugging Face configuration: rotary with every scaling, in the old spelling
 * (`rope_theta`, `rope_scaling`, `type`) and the new (`rope_parameters`, `rope_type`, one dictionary a layer type),
 * ALiBi, T5's buckets, learned and sinusoidal positions by family.
 *
 * @throws {ValueError} if a type is unknown (with the known ones), a field is missing or out of range, or the
 * layers differ: then name a `layerType`, or use `layersFromConfig`.
 * @example
 * const position = fromConfig(JSON.parse(await readFile('config.json', 'utf8')));
 */
export function fromConfig(config: HuggingFaceConfig, options: ConfigOptions = {}): ConfigEncoding {
  const text = textConfig(config);
  const layers = layersOf(text, options);
  const types = [...new Set(layers.map(({ type }) => type))];
  const { layerType } = options;
  if (layerType !== undefined && !types.includes(layerType)) {
    const rule = `must be one of ${types.join(', ')}, the layers of this model`;
    throw new ValueError(OP, 'layerType', rule, layerType);
  }
  const chosen = layers.filter(({ type }) => layerType === undefined || type === layerType);
  const distinct = new Set(chosen.map(({ encoding }) => encoding));
  if (distinct.size > 1) {
    const rule = `have ${distinct.size} encodings (types: ${types.join(', ')}); name a layerType, or use layersFromConfig`;
    const names = [...distinct].map(({ name }) => name).join(', ');
    throw new ValueError(OP, 'the layers of this model', rule, names);
  }
  return chosen[0]!.encoding;
}

/**
 * The position encoding of each layer; layers that share one get the same object.
 *
 * @throws {ValueError} as `fromConfig`.
 */
export function layersFromConfig(
  config: HuggingFaceConfig,
  options: Omit<ConfigOptions, 'layerType'> = {},
): readonly ConfigEncoding[] {
  return layersOf(textConfig(config), options).map(({ encoding }) => encoding);
}

interface Layer {
  readonly type: string;
  readonly encoding: ConfigEncoding;
}

function layersOf(config: HuggingFaceConfig, options: ConfigOptions): readonly Layer[] {
  const fields = new Fields(config, 'config');
  const kind = kindOf(fields);
  if (kind !== 'rope') {
    const encoding = makers[kind](fields, options);
    const count = fields.count('num_hidden_layers', 'n_layer', 'n_layers', 'num_layers') ?? 1;
    return Array<Layer>(count).fill({ type: 'full_attention', encoding });
  }
  const unturned = none();
  const made = new Map<string, RotaryEncoding>();
  return rotaryLayers(config).map(({ type, turns }) => {
    if (!turns) return { type, encoding: unturned };
    // types with the same fields share the object, and with it its tables
    const like = [...made.keys()].find((other) => other === type || sameRope(config, other, type));
    const encoding = made.get(like ?? type) ?? ropeEncoding(config, type, options.length);
    made.set(type, encoding);
    return { type, encoding };
  });
}

type Kind = 'rope' | 'alibi' | 'buckets' | 'learned' | 'sinusoidal' | 'none';

/** What `position_embedding_type` may say. */
const kindByName: Readonly<Record<string, Kind>> = {
  rope: 'rope',
  rotary: 'rope',
  alibi: 'alibi',
  absolute: 'learned',
  learned: 'learned',
  learned_absolute: 'learned',
  sinusoidal: 'sinusoidal',
  nope: 'none',
  none: 'none',
};
const ropeFields = [
  'rope_theta',
  'rope_scaling',
  'rope_parameters',
  'rotary_dim',
  'rotary_pct',
  'rotary_emb_base',
];

/** Which kind of encoding a configuration has: said outright, by family, or by its fields. */
function kindOf(config: Fields): Kind {
  const said = config.text('position_embedding_type');
  if (said !== undefined) {
    const kind = entryOf(kindByName, said);
    if (kind) return kind;
    const rule = `is not known; known: ${Object.keys(kindByName).join(', ')}`;
    throw new ValueError(OP, 'config.position_embedding_type', rule, said);
  }
  const family = config.text('model_type') ?? '';
  const attention = config.values.attn_config;
  if (config.flag('alibi') || (isDictionary(attention) && attention.alibi === true)) return 'alibi';
  if (isDictionary(attention) && attention.alibi === false && !ropeFields.some((key) => config.has(key)))
    return 'learned';
  if (alibiFamilies.has(family)) return 'alibi';
  if (bucketFamilies.has(family)) return 'buckets';
  if (entryOf(learnedFamilies, family) !== undefined || afterPaddingFamilies.has(family)) return 'learned';
  if (entryOf(sinusoidalFamilies, family)) return 'sinusoidal';
  if (entryOf(rotaryFamilies, family) || ropeFields.some((key) => config.has(key))) return 'rope';
  const rule = `does not say how positions are encoded, and the configuration has no rope_theta, rope_scaling or rope_parameters; known families: ${knownFamilies().join(', ')}`;
  throw new ValueError(OP, 'config.model_type', rule, config.values.model_type);
}

const makers: Readonly<
  Record<Exclude<Kind, 'rope'>, (config: Fields, options: ConfigOptions) => ConfigEncoding>
> = {
  alibi: alibiOf,
  buckets: (config, { stack = 'decoder', table }) =>
    t5({
      table: tableOf(config, table, 'relative_attention_bias, turned to [buckets, heads]'),
      bidirectional: stack === 'encoder',
      maxDistance: config.count('relative_attention_max_distance') ?? 128,
    }),
  learned: (config, { table }) =>
    learned({ table: tableOf(config, table, 'the position embedding'), offset: learnedOffset(config) }),
  sinusoidal: (config) =>
    sinusoidal({
      layout: 'half',
      ...entryOf(sinusoidalFamilies, config.text('model_type')),
    }),
  none: () => none(),
};

function alibiOf(config: Fields): ScoreBias {
  const attention = config.values.attn_config;
  const own = new Fields(isDictionary(attention) ? attention : {}, 'config.attn_config');
  const maxBias = own.number('alibi_bias_max') ?? config.number('alibi_bias_max') ?? 8;
  if (config.text('model_type') !== 'falcon') return alibi({ maxBias });
  // Falcon adds the bias before it scales the scores
  const E = config.count('hidden_size') ?? config.missing('hidden_size', 'Falcon scales its slopes by 1/√D');
  const H =
    config.count('num_attention_heads', 'n_head') ?? config.missing('num_attention_heads', 'as above');
  const D = Math.floor(E / H);
  return alibi({ slopes: [...alibiSlopes(H, maxBias)].map((slope) => slope / Math.sqrt(D)) });
}

function learnedOffset(config: Fields): number {
  const family = config.text('model_type') ?? '';
  if (!afterPaddingFamilies.has(family)) return entryOf(learnedFamilies, family) ?? 0;
  return (config.number('pad_token_id') ?? 1) + 1;
}

function tableOf(config: Fields, table: Tensor | undefined, what: string): Tensor {
  if (table) return table;
  const rule = `is missing: the positions of ${config.text('model_type') ?? 'this model'} are trained; give ${what}`;
  throw new ValueError(OP, 'options.table', rule, 'no table');
}

/** The language part of a configuration that also has a vision or audio part. */
function textConfig(config: HuggingFaceConfig): HuggingFaceConfig {
  if (!isDictionary(config))
    throw new ValueError(OP, 'config', 'must be the object of a config.json', config);
  return isDictionary(config.text_config) ? config.text_config : config;
}
