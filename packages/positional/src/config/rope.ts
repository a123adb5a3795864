import { ValueError } from '@headwise/tensor';
import type { RotaryEncoding } from '../contract.ts';
import { dynamicNtk } from '../encodings/dynamic-ntk.ts';
import { linear } from '../encodings/linear.ts';
import { llama3 } from '../encodings/llama3.ts';
import { longrope } from '../encodings/longrope.ts';
import { ntkAware } from '../encodings/ntk-aware.ts';
import { proportional } from '../encodings/proportional.ts';
import { rotary } from '../encodings/rotary.ts';
import { yarn } from '../encodings/yarn.ts';
import type { RotationOptions } from '../rotation.ts';
import { type RotaryFamily, rotaryFamilies } from './families.ts';
import { entryOf, Fields, type HuggingFaceConfig, isDictionary, OP } from './read.ts';

/** What one `rope_type` makes of its fields; `length` matters to those that depend on it. */
type Scaling = (
  scaling: Fields,
  config: Fields,
  common: RotationOptions,
  length: number | undefined,
) => RotaryEncoding;

const scalings: Readonly<Record<string, Scaling>> = {
  default: (_, __, common) => rotary(common),
  linear: (scaling, _, common) => linear({ ...common, factor: factorOf(scaling) }),
  ntk: (scaling, _, common) => ntkAware({ ...common, factor: factorOf(scaling) }),
  dynamic: (scaling, config, common, length) =>
    dynamicNtk({
      ...common,
      length,
      factor: factorOf(scaling),
      originalLength:
        config.count('max_position_embeddings') ??
        config.missing('max_position_embeddings', 'the length past which dynamic NTK scales'),
    }),
  yarn: yarnOf,
  longrope: longropeOf,
  llama3: (scaling, config, common) =>
    llama3({
      ...common,
      factor: factorOf(scaling),
      originalLength: originalLengthOf(scaling, config),
      lowFrequencyFactor:
        scaling.number('low_freq_factor') ?? scaling.missing('low_freq_factor', 'Llama 3: 1'),
      highFrequencyFactor:
        scaling.number('high_freq_factor') ?? scaling.missing('high_freq_factor', 'Llama 3: 4'),
    }),
  proportional: (scaling, _, { width: __, ...common }) =>
    proportional({ ...common, factor: scaling.number('factor') }),
};

/** Spellings of the past. */
const aliases: Readonly<Record<string, string>> = { su: 'longrope', 'dynamic-ntk': 'dynamic' };

/** Fields whose meaning is known; another would change the angles without our knowing how. */
const knownFields: ReadonlySet<string> = new Set([
  'rope_type',
  'type',
  'rope_theta',
  'partial_rotary_factor',
  'factor',
  'original_max_position_embeddings',
  'attention_factor',
  'beta_fast',
  'beta_slow',
  'truncate',
  'mscale',
  'mscale_all_dim',
  'short_factor',
  'long_factor',
  'short_mscale',
  'long_mscale',
  'low_freq_factor',
  'high_freq_factor',
  'finetuned',
]);

/** The layer types that `rope_parameters` has a dictionary for, or `undefined` where one serves all. */
export function ropeLayerTypes(config: HuggingFaceConfig): readonly string[] | undefined {
  const { values } = ropeFields(config);
  const types = Object.keys(values).filter((key) => isDictionary(values[key]) || !knownFields.has(key));
  return types.some((key) => isDictionary(values[key])) ? types : undefined;
}

/**
 * The rotation of the layers of one type.
 *
 * @throws {ValueError} if the type of scaling is unknown, or a field is missing or out of range.
 */
export function ropeEncoding(config: HuggingFaceConfig, layerType: string, length?: number): RotaryEncoding {
  const fields = new Fields(config, 'config');
  const family = entryOf(rotaryFamilies, fields.text('model_type')) ?? {};
  const scaling = scalingOf(config, layerType, family);
  const type = typeOf(scaling);
  const create = entryOf(scalings, type);
  if (!create) {
    const rule = `is not a known type of scaling; known: ${Object.keys(scalings).join(', ')} (su: longrope)`;
    throw new ValueError(
      OP,
      `${scaling.path}.${scaling.has('rope_type') ? 'rope_type' : 'type'}`,
      rule,
      type,
    );
  }
  for (const key of Object.keys(scaling.values)) {
    if (!knownFields.has(key) && scaling.has(key)) {
      const rule = `is not a known field, and ignoring it might turn by wrong angles; known: ${[...knownFields].join(', ')}`;
      throw new ValueError(OP, `${scaling.path}.${key}`, rule, scaling.values[key]);
    }
  }
  const D = headWidth(fields, layerType);
  const common = commonOptions(fields, scaling, family, layerType);
  const encoding = create(scaling, fields, common, length);
  // a fault in the configuration is named here, not at the first token
  encoding.spectrum(D);
  return encoding;
}

/** Whether two layer types turn alike. */
export function sameRope(config: HuggingFaceConfig, one: string, other: string): boolean {
  const fields = new Fields(config, 'config');
  const family = entryOf(rotaryFamilies, fields.text('model_type')) ?? {};
  const story = (type: string): string => {
    const scaling = scalingOf(config, type, family);
    const common = commonOptions(fields, scaling, family, type);
    return JSON.stringify([scaling.values, common, headWidth(fields, type)]);
  };
  return story(one) === story(other);
}

/** Width of the part of a head that takes part in the rotation at all. */
function headWidth(config: Fields, layerType: string): number {
  const own = layerType === 'full_attention' ? config.count('global_head_dim') : undefined;
  const given = config.count('qk_rope_head_dim') ?? own ?? config.count('head_dim');
  if (given !== undefined) return given;
  const E = config.count('hidden_size', 'n_embd', 'd_model');
  const H = config.count('num_attention_heads', 'n_head', 'num_heads');
  if (E === undefined || H === undefined)
    return config.missing('head_dim', 'give it, or hidden_size and num_attention_heads');
  return Math.floor(E / H);
}

function commonOptions(
  config: Fields,
  scaling: Fields,
  family: RotaryFamily,
  layerType: string,
): RotationOptions {
  const interleaved = config.flag('rope_interleave', 'rotary_interleaved');
  const layout = interleaved === undefined ? (family.layout ?? 'half') : interleaved ? 'interleaved' : 'half';
  const base = scaling.number('rope_theta') ?? baseOf(config, family, layerType);
  // latent attention keeps the turning part apart: all of it turns
  if (config.has('qk_rope_head_dim')) return { base, layout };
  const fraction =
    scaling.number('partial_rotary_factor') ?? config.number('partial_rotary_factor', 'rotary_pct');
  if (fraction !== undefined) return { base, layout, fraction };
  const width = config.count('rotary_dim');
  if (width !== undefined) return { base, layout, width };
  return { base, layout, fraction: family.fraction ?? 1 };
}

function baseOf(config: Fields, family: RotaryFamily, layerType: string): number {
  const own =
    layerType === 'sliding_attention'
      ? config.number('rope_local_base_freq', 'local_rope_theta')
      : config.number('global_rope_theta');
  if (own !== undefined) return own;
  const byType = typeof family.base === 'object' ? family.base[layerType] : undefined;
  // rope_theta is the base of the full layers where the sliding ones have their own
  if (byType !== undefined && layerType === 'sliding_attention') return byType;
  const fallback = byType ?? (typeof family.base === 'number' ? family.base : 10_000);
  return config.number('rope_theta', 'rotary_emb_base') ?? fallback;
}

/** `rope_parameters`, or `rope_scaling` as it was called. */
function ropeFields(config: HuggingFaceConfig): Fields {
  const { rope_parameters: now, rope_scaling: before } = config;
  if (isDictionary(now) && isDictionary(before) && JSON.stringify(now) !== JSON.stringify(before)) {
    const rule = 'and rope_scaling (its old name) say different things; leave one';
    throw new ValueError(OP, 'config.rope_parameters', rule, 'two dictionaries');
  }
  const key = isDictionary(now) ? 'rope_parameters' : 'rope_scaling';
  const value = config[key] ?? {};
  if (!isDictionary(value)) throw new ValueError(OP, `config.${key}`, 'must be a dictionary or null', value);
  return new Fields(value, `config.${key}`);
}

function scalingOf(config: HuggingFaceConfig, layerType: string, family: RotaryFamily): Fields {
  const all = ropeFields(config);
  const types = ropeLayerTypes(config);
  if (types) {
    const own = all.values[layerType];
    if (!isDictionary(own)) {
      const rule = `has no entry for ${layerType} layers; it has ${types.join(', ')}`;
      throw new ValueError(OP, all.path, rule, own === null ? 'null' : 'no such field');
    }
    return new Fields(own, `${all.path}.${layerType}`);
  }
  // Gemma 3 as first published: one rope_scaling, for the full layers alone
  const ownBase = typeof family.base === 'object' || config.rope_local_base_freq !== undefined;
  const unscaled = ownBase && layerType === 'sliding_attention' && config.model_type !== 'modernbert';
  return unscaled ? new Fields({}, all.path) : all;
}

function typeOf(scaling: Fields): string {
  const [now, before] = [scaling.text('rope_type'), scaling.text('type')];
  if (now !== undefined && before !== undefined && now !== before) {
    const rule = `says rope_type "${now}" and type "${before}"; leave one`;
    throw new ValueError(OP, scaling.path, rule, 'two types');
  }
  const type = now ?? before;
  if (type === undefined) {
    if (scaling.has('factor')) scaling.missing('rope_type', 'a factor alone does not say how to scale');
    return 'default';
  }
  // Phi-3 as first published calls its lists of factors by the names of others
  return type === 'yarn' && scaling.has('short_factor') ? 'longrope' : (entryOf(aliases, type) ?? type);
}

function factorOf(scaling: Fields): number {
  return scaling.number('factor') ?? scaling.missing('factor', 'how many times longer a sequence may be');
}

/** A field beside `rope_scaling` has priority, as in Hugging Face (Phi-3). */
function originalLengthOf(scaling: Fields, config: Fields): number {
  return (
    config.count('original_max_position_embeddings') ??
    scaling.count('original_max_position_embeddings') ??
    config.count('max_position_embeddings') ??
    scaling.missing('original_max_position_embeddings', 'the length the model was trained with')
  );
}

/** `factor`, or how far `max_position_embeddings` goes beyond the trained length. */
function stretchOf(scaling: Fields, config: Fields, originalLength: number): number {
  const given = scaling.number('factor');
  if (given !== undefined) return given;
  const longest = config.count('max_position_embeddings');
  if (longest === undefined)
    return scaling.missing('factor', 'give it, or max_position_embeddings beside rope_scaling');
  return longest / originalLength;
}

function yarnOf(scaling: Fields, config: Fields, common: RotationOptions): RotaryEncoding {
  const originalLength = originalLengthOf(scaling, config);
  return yarn({
    ...common,
    originalLength,
    factor: stretchOf(scaling, config, originalLength),
    betaFast: scaling.number('beta_fast') || undefined,
    betaSlow: scaling.number('beta_slow') || undefined,
    truncate: scaling.flag('truncate'),
    attentionFactor: scaling.number('attention_factor'),
    mscale: scaling.number('mscale'),
    mscaleAllDim: scaling.number('mscale_all_dim'),
  });
}

function longropeOf(
  scaling: Fields,
  config: Fields,
  common: RotationOptions,
  length: number | undefined,
): RotaryEncoding {
  const originalLength = originalLengthOf(scaling, config);
  const [short, long] = [scaling.number('short_mscale'), scaling.number('long_mscale')];
  if (short !== long) {
    const rule = 'and long_mscale must be the same: one attention factor serves both lengths';
    throw new ValueError(OP, `${scaling.path}.short_mscale`, rule, `${short} and ${long}`);
  }
  return longrope({
    ...common,
    length,
    originalLength,
    shortFactors: scaling.numbers('short_factor') ?? scaling.missing('short_factor', 'one divisor a pair'),
    longFactors: scaling.numbers('long_factor') ?? scaling.missing('long_factor', 'one divisor a pair'),
    factor: stretchOf(scaling, config, originalLength),
    attentionFactor: scaling.number('attention_factor') ?? short,
  });
}
