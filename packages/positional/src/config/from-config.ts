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
  sinusoidalFamilies,
} from './families.ts';
import { layerCount, rotaryLayers } from './layers.ts';
import {
  type ConfigOptions,
  entryOf,
  Fields,
  type HuggingFaceConfig,
  isDictionary,
  OP,
  shown,
} from './read.ts';
import { ropeEncoding } from './rope.ts';
import { ropePlan } from './rope-fields.ts';
import { otherRotations, type RotaryFamily, rotaryFamilies } from './rotary-families.ts';

/** What a configuration can name. */
export type ConfigEncoding = RotaryEncoding | ScoreBias | TableEncoding | NoEncoding;

/**
 * The position encoding of a Hugging Face configuration: rotary with every scaling, in the old spelling
 * (`rope_theta`, `rope_scaling`, `type`) and the new (`rope_parameters`, `rope_type`, one dictionary a layer type,
 * null for none), ALiBi, T5's buckets, learned and sinusoidal positions by family.
 *
 * Where a file is silent, the family's default in transformers 5.24.0 holds. The rotation of a family with M-RoPE is
 * that of text, whose three axes agree.
 *
 * @throws {ValueError} if the family or a type is unknown (with the known ones), a field is missing, out of range or
 * read in two ways by versions of transformers, or the layers differ: then name a `layerType`, or use
 * `layersFromConfig`. The file's own field is named.
 * @example
 * const position = fromConfig(JSON.parse(await readFile('config.json', 'utf8')));
 */
export function fromConfig(config: HuggingFaceConfig, options: ConfigOptions = {}): ConfigEncoding {
  const layers = layersOf(textConfig(config), options);
  const types = [...new Set(layers.map(({ type }) => type))];
  const names = types.slice(0, 8).map((type) => shown(type, 60));
  const { layerType } = options;
  if (layerType !== undefined && !types.includes(layerType)) {
    const rule = `must be one of ${names.join(', ')}, the layers of this model`;
    throw new ValueError(OP, 'layerType', rule, layerType);
  }
  const chosen = layers.filter(({ type }) => layerType === undefined || type === layerType);
  const distinct = new Set(chosen.map(({ encoding }) => encoding));
  if (distinct.size > 1) {
    const rule = `have ${distinct.size} encodings (types: ${names.join(', ')}); name a layerType, or use layersFromConfig`;
    const made = [...distinct].map(({ name }) => name).join(', ');
    throw new ValueError(OP, 'the layers of this model', rule, shown(made));
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

function layersOf(config: Fields, options: ConfigOptions): readonly Layer[] {
  const kind = kindOf(config);
  if (kind !== 'rope') {
    const encoding = makers[kind](config, options);
    return Array<Layer>(layerCount(config) ?? 1).fill({ type: 'full_attention', encoding });
  }
  const family = familyOf(config);
  const unturned = none();
  const made = new Map<string, RotaryEncoding>();
  return rotaryLayers(config, family).map((layer, index) => {
    const { type, turns } = layer;
    const plan = turns ? ropePlan(config, family, layer, index) : undefined;
    if (!plan) return { type, encoding: unturned };
    // layers with the same fields share the object, and with it its tables
    const story = JSON.stringify([plan.scaling.values, plan.options, plan.D]);
    const encoding = made.get(story) ?? ropeEncoding(config, family, plan, options.length);
    made.set(story, encoding);
    return { type, encoding };
  });
}

/** @throws {ValueError} for a family whose layout, share and layers are not known: half-split is a guess. */
function familyOf(config: Fields): RotaryFamily {
  const name = config.text('model_type') ?? config.missing('model_type', unknownFamily());
  const other = entryOf(otherRotations, name);
  if (other) config.refuse('model_type', `has a rotation that no encoding here makes: ${other}`, name);
  return entryOf(rotaryFamilies, name) ?? config.refuse('model_type', unknownFamily(), name);
}

function unknownFamily(): string {
  return `is no family whose positions are known; put the name of one that it is built like, such as llama. Known: ${knownFamilies().join(', ')}`;
}

type Kind = 'rope' | 'alibi' | 'buckets' | 'learned' | 'sinusoidal' | 'none';

/** What `position_embedding_type` may say. */
const kindByName: Readonly<Record<string, Kind>> = {
  rope: 'rope',
  rotary: 'rope',
  rope_gptj: 'rope',
  alibi: 'alibi',
  absolute: 'learned',
  learned: 'learned',
  learned_absolute: 'learned',
  sinusoidal: 'sinusoidal',
  nope: 'none',
  none: 'none',
};
/** Fields that only a rotation has. */
const ropeFields = [
  'rope_theta',
  'rope_scaling',
  'rope_parameters',
  'rotary_dim',
  'rotary_pct',
  'rotary_emb_base',
];

/** Families that rotate whatever the file says: theirs carry a field of BERT's over that no part reads. */
const alwaysRotating: ReadonlySet<string> = new Set(['modernbert', 'modernbert-decoder']);

/** Which kind of encoding a configuration has: said outright, by family, or by its fields. */
function kindOf(config: Fields): Kind {
  const family = config.text('model_type') ?? '';
  const said = alwaysRotating.has(family) ? undefined : config.text('position_embedding_type');
  if (said !== undefined) {
    const rule = `is not known; known: ${Object.keys(kindByName).join(', ')}`;
    return entryOf(kindByName, said) ?? config.refuse('position_embedding_type', rule);
  }
  // MPT says it inside
  const inside = config.dictionary('attn_config')?.flag('alibi');
  if (config.flag('alibi') || inside) return 'alibi';
  if (inside === false && !ropeFields.some((key) => config.has(key))) return 'learned';
  if (alibiFamilies.has(family)) return 'alibi';
  if (bucketFamilies.has(family)) return 'buckets';
  if (entryOf(learnedFamilies, family) !== undefined || afterPaddingFamilies.has(family)) return 'learned';
  if (entryOf(sinusoidalFamilies, family)) return 'sinusoidal';
  familyOf(config);
  return 'rope';
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
  const maxBias =
    config.dictionary('attn_config')?.positive('alibi_bias_max') ?? config.positive('alibi_bias_max') ?? 8;
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
  const rule = `is missing: the positions of ${shown(config.text('model_type') ?? 'this model')} are trained; give ${what}`;
  throw new ValueError(OP, 'options.table', rule, 'no table');
}

/** The language part of a configuration that also has a vision or audio part. */
function textConfig(config: HuggingFaceConfig): Fields {
  if (!isDictionary(config))
    throw new ValueError(OP, 'config', 'must be the object of a config.json', config);
  const whole = new Fields(config, 'config');
  const text = whole.get('text_config');
  if (!isDictionary(text)) return whole;
  const family = whole.text('model_type');
  // of a family with one language part the part need not say so again
  const named = Object.hasOwn(text, 'model_type') || entryOf(rotaryFamilies, family) === undefined;
  return new Fields(named ? text : { ...text, model_type: family }, 'config.text_config');
}
