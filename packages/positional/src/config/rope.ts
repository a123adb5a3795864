import type { RotaryEncoding } from '../contract.ts';
import { dynamicNtk } from '../encodings/dynamic-ntk.ts';
import { linear } from '../encodings/linear.ts';
import { llama3 } from '../encodings/llama3.ts';
import { longrope } from '../encodings/longrope.ts';
import { ntkAware } from '../encodings/ntk-aware.ts';
import { proportional } from '../encodings/proportional.ts';
import { rotary } from '../encodings/rotary.ts';
import { yarn } from '../encodings/yarn.ts';
import { entryOf, type Fields, shown } from './read.ts';
import type { RopePlan } from './rope-fields.ts';
import type { RotaryFamily } from './rotary-families.ts';

/** What one `rope_type` makes of its fields; `length` matters to those that depend on it. */
type Scaling = (plan: RopePlan, config: Fields, length: number | undefined) => RotaryEncoding;

const scalings: Readonly<Record<string, Scaling>> = {
  default: ({ options }) => rotary(options),
  linear: ({ scaling, options }) => linear({ ...options, factor: factorOf(scaling) }),
  ntk: ({ scaling, options }) => ntkAware({ ...options, factor: factorOf(scaling) }),
  dynamic: dynamicOf,
  yarn: yarnOf,
  longrope: longropeOf,
  llama3: llama3Of,
  proportional: ({ scaling, options: { width: _, ...options } }) =>
    proportional({ ...options, factor: scaling.positive('factor') }),
};

/** Spellings of the past. */
const aliases = { su: 'longrope', 'dynamic-ntk': 'dynamic' };

/** Fields whose meaning is known; another would change the angles without our knowing how. */
const knownFields: readonly string[] = [
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
];

/** What tells the axes of M-RoPE apart. */
const axisFields = ['mrope_section', 'mrope_interleaved', 'interleaved'];

/**
 * The rotation of one layer.
 *
 * @throws {ValueError} if the type of scaling is unknown, or a field is missing or out of range.
 */
export function ropeEncoding(
  config: Fields,
  family: RotaryFamily,
  plan: RopePlan,
  length?: number,
): RotaryEncoding {
  const { scaling, D } = plan;
  const type = typeOf(scaling, family);
  const create = entryOf(scalings, type);
  const key = scaling.has('rope_type') ? 'rope_type' : 'type';
  if (!create) {
    const rule = `is not a known type of scaling; known: ${Object.keys(scalings).join(', ')} (su: longrope)`;
    return scaling.refuse(key, rule, type);
  }
  if (family.plain && type !== 'default')
    scaling.refuse(key, `must be default: ${String(config.values.model_type)} reads no scaling`, type);
  mustBeKnown(scaling, family);
  const encoding = create(plan, config, length);
  // a fault in the configuration is named here, not at the first token
  encoding.spectrum(D);
  return encoding;
}

function mustBeKnown(scaling: Fields, family: RotaryFamily): void {
  const known = [...knownFields, ...(family.axes ? axisFields : []), ...(family.ownFields ?? [])];
  for (const key of Object.keys(scaling.values)) {
    if (known.includes(key) || !scaling.has(key)) continue;
    const rule = `is not a known field, and ignoring it might turn by wrong angles; known: ${known.join(', ')}`;
    scaling.refuse(key, rule);
  }
}

function typeOf(scaling: Fields, family: RotaryFamily): string {
  scaling.notNull('rope_type', 'name the type of scaling, or "default"');
  const [now, before] = [scaling.text('rope_type'), scaling.text('type')];
  // M-RoPE turns text as the plain rotation does, and transformers calls it that since 4.45
  const meaning = { ...aliases, ...(family.axes ? { mrope: 'default' } : {}), ...family.scalingNames };
  const plain = (type: string | undefined): string | undefined => entryOf(meaning, type) ?? type;
  if (now !== undefined && before !== undefined && plain(now) !== plain(before))
    scaling.refuse('rope_type', `says "${shown(now)}" and type "${shown(before)}"; leave one`, 'two types');
  const type = plain(now ?? before);
  if (type === undefined) {
    if (scaling.has('factor')) scaling.missing('rope_type', 'a factor alone does not say how to scale');
    return 'default';
  }
  // Phi-3 as first published calls its lists of factors by the names of others
  return type === 'yarn' && scaling.has('short_factor') ? 'longrope' : type;
}

function factorOf(scaling: Fields): number {
  return scaling.positive('factor') ?? scaling.missing('factor', 'how many times longer a sequence may be');
}

const longestNames = ['max_position_embeddings', 'n_positions', 'max_seq_len', 'model_max_length'] as const;

/** A field beside `rope_scaling` has priority, as in Hugging Face (Phi-3), but not over a layer type's dictionary. */
function originalLengthOf({ scaling, nested }: RopePlan, config: Fields): number {
  const key = 'original_max_position_embeddings';
  const [first, second] = nested ? [scaling, scaling] : [config, scaling];
  return (
    first.count(key) ??
    second.count(key) ??
    config.count(...longestNames) ??
    scaling.missing(key, 'the length the model was trained with')
  );
}

/** How far `max_position_embeddings` goes beyond the trained length, where there is no `factor`. */
function stretchOf(scaling: Fields, config: Fields, originalLength: number): number {
  const given = scaling.positive('factor');
  if (given !== undefined) return given;
  const longest = config.count(...longestNames);
  if (longest === undefined)
    return scaling.missing('factor', 'give it, or max_position_embeddings beside rope_scaling');
  return longest / originalLength;
}

function dynamicOf(
  { scaling, options }: RopePlan,
  config: Fields,
  length: number | undefined,
): RotaryEncoding {
  // Hunyuan: a fixed stretch of the base, whatever the length
  const alpha = scaling.positive('alpha');
  if (alpha !== undefined) return ntkAware({ ...options, factor: alpha });
  const originalLength =
    config.count(...longestNames) ??
    config.missing('max_position_embeddings', 'the length past which dynamic NTK scales');
  return dynamicNtk({ ...options, length, factor: factorOf(scaling), originalLength });
}

function llama3Of(plan: RopePlan, config: Fields): RotaryEncoding {
  const { scaling, options } = plan;
  const low = scaling.positive('low_freq_factor') ?? scaling.missing('low_freq_factor', 'Llama 3: 1');
  const high = scaling.positive('high_freq_factor') ?? scaling.missing('high_freq_factor', 'Llama 3: 4');
  if (high <= low) scaling.refuse('high_freq_factor', `must be above low_freq_factor, which is ${low}`);
  return llama3({
    ...options,
    factor: factorOf(scaling),
    originalLength: originalLengthOf(plan, config),
    lowFrequencyFactor: low,
    highFrequencyFactor: high,
  });
}

function yarnOf(plan: RopePlan, config: Fields): RotaryEncoding {
  const { scaling, options } = plan;
  const originalLength = originalLengthOf(plan, config);
  scaling.notNull('truncate', 'transformers takes null for false; say true or false');
  // null is the stretch of the file's lengths; leaving it out is a file that was cut short
  if (scaling.get('factor') === undefined) factorOf(scaling);
  // zero means "not given", as in Hugging Face
  const betaFast = scaling.number('beta_fast') || 32;
  const betaSlow = scaling.number('beta_slow') || 1;
  if (betaSlow <= 0) scaling.refuse('beta_slow', 'must be a finite number > 0');
  if (betaFast < betaSlow) {
    const rule = `must be at least beta_slow, which is ${betaSlow}: fast pairs turn more often`;
    scaling.refuse('beta_fast', rule, betaFast);
  }
  if (options.base! <= 1)
    scaling.refuse('rope_theta', 'must be above 1, since YaRN divides by its logarithm', options.base);
  return yarn({
    ...options,
    originalLength,
    factor: stretchOf(scaling, config, originalLength),
    betaFast,
    betaSlow,
    truncate: scaling.flag('truncate'),
    attentionFactor: scaling.positive('attention_factor'),
    mscale: scaling.number('mscale'),
    mscaleAllDim: scaling.number('mscale_all_dim'),
  });
}

function longropeOf(plan: RopePlan, config: Fields, length: number | undefined): RotaryEncoding {
  const { scaling, options, D } = plan;
  const originalLength = originalLengthOf(plan, config);
  const [short, long] = [scaling.positive('short_mscale'), scaling.positive('long_mscale')];
  if (short !== long) {
    const rule = 'and long_mscale must be the same: one attention factor serves both lengths';
    scaling.refuse('short_mscale', rule, `${short} and ${long}`);
  }
  const pairs = (options.width ?? Math.trunc(D * (options.fraction ?? 1))) / 2;
  return longrope({
    ...options,
    length,
    originalLength,
    shortFactors: divisorsOf(scaling, 'short_factor', pairs),
    longFactors: divisorsOf(scaling, 'long_factor', pairs),
    factor: stretchOf(scaling, config, originalLength),
    attentionFactor: scaling.positive('attention_factor') ?? short,
  });
}

function divisorsOf(scaling: Fields, key: string, pairs: number): readonly number[] {
  const list = scaling.positives(key) ?? scaling.missing(key, 'one divisor a pair');
  if (list.length === pairs) return list;
  const rule = `must have one number for each of the ${pairs} pairs of a head that turn`;
  return scaling.refuse(key, rule, `${list.length} numbers`);
}
