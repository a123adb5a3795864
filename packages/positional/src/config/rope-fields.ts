import type { RotationOptions } from '../rotation.ts';
import { layerTypes, type RotaryLayer } from './layers.ts';
import { entryOf, Fields, type HuggingFaceConfig, isDictionary, shown } from './read.ts';
import type { RotaryFamily } from './rotary-families.ts';

/** All that a file says of the rotation of one layer. */
export interface RopePlan {
  /** The dictionary with the scaling. */
  readonly scaling: Fields;
  /** `rope_parameters` holds a dictionary a layer type, and this is one of them. */
  readonly nested: boolean;
  readonly options: RotationOptions;
  /** Width of the part of a head that takes part in the rotation at all. */
  readonly D: number;
}

/**
 * What turns a layer, or `undefined` where its entry of `rope_parameters` is null: no encoding there.
 *
 * @throws {ValueError} if a field is missing, out of range, or would be read in two ways.
 */
export function ropePlan(
  config: Fields,
  family: RotaryFamily,
  layer: RotaryLayer,
  index: number,
): RopePlan | undefined {
  const found = scalingOf(config, family, layer.type);
  if (!found) return undefined;
  const D = headWidth(config, family, layer.type, index);
  const base = baseOf(config, found, family, layer);
  return {
    ...found,
    D,
    options: { base, layout: layoutOf(config, family), ...shareOf(config, found, family, D) },
  };
}

interface Found {
  readonly scaling: Fields;
  readonly nested: boolean;
  /** The family's own, since the file has none. */
  readonly assumed: boolean;
}

/** `rope_parameters`, or `rope_scaling` as it was called; an empty `rope_scaling` says nothing. */
function ropeFields(config: Fields): Fields | undefined {
  const [now, before] = [config.dictionary('rope_parameters'), config.dictionary('rope_scaling')];
  const scaled = before && Object.keys(before.values).length > 0 ? before : undefined;
  if (now && scaled && JSON.stringify(now.values) !== JSON.stringify(scaled.values)) {
    const rule = 'and rope_scaling (its old name) say different things; leave one';
    config.refuse('rope_parameters', rule, 'two dictionaries');
  }
  return now ?? scaled;
}

function scalingOf(config: Fields, family: RotaryFamily, type: string): Found | undefined {
  const given = ropeFields(config);
  if (!given) return assumed(config, family, type);
  if (!family.byType) return { scaling: given, nested: false, assumed: false };
  const entries = Object.keys(given.values).filter((key) => isDictionary(given.values[key]));
  const none = Object.keys(given.values).filter((key) => layerTypes.has(key) && given.get(key) === null);
  if (entries.length + none.length > 0) return entryFor(given, family, type, entries);
  if (Object.keys(given.values).length === 0) return assumed(config, family, type);
  const old = given.path.endsWith('rope_scaling');
  if (!old || family.byType === 'none') {
    const rule = `must have one dictionary a layer type (sliding_attention, full_attention) in ${String(config.values.model_type)}: transformers 5 ignores a flat one there`;
    config.refuse(old ? 'rope_scaling' : 'rope_parameters', rule, 'one for all');
  }
  const scales = family.byType === 'all' || type === 'full_attention';
  return { scaling: scales ? given : new Fields({}, given.path), nested: false, assumed: false };
}

function entryFor(
  all: Fields,
  family: RotaryFamily,
  type: string,
  entries: readonly string[],
): Found | undefined {
  const own = all.get(type);
  if (own === null) return undefined;
  if (own === undefined && family.byType !== 'none')
    return { scaling: new Fields({}, `${all.path}.${shown(type, 60)}`), nested: true, assumed: false };
  if (!isDictionary(own))
    all.refuse(type, `is missing: the file has ${shown(entries.join(', '))}`, own ?? 'no such field');
  return { scaling: nestedFields(all, type, own), nested: true, assumed: false };
}

/** transformers reads `truncate` beside the dictionaries of the layer types, not inside. */
function nestedFields(all: Fields, type: string, own: HuggingFaceConfig): Fields {
  const inner = new Fields(own, `${all.path}.${shown(type, 60)}`);
  const outer = all.flag('truncate') ?? true;
  if ((inner.flag('truncate') ?? outer) !== outer) {
    const rule = `is read from ${all.path}, beside the layer types; move it there`;
    inner.refuse('truncate', rule);
  }
  return all.has('truncate') ? new Fields({ ...own, truncate: outer }, inner.path) : inner;
}

/** What a family has where the file has neither dictionary. */
function assumed(config: Fields, family: RotaryFamily, type: string): Found | undefined {
  const { parameters } = family;
  const path = `${config.path}.rope_parameters`;
  if (!parameters) return { scaling: new Fields({}, path), nested: false, assumed: false };
  if (!family.byType) return { scaling: new Fields(parameters, path), nested: false, assumed: true };
  const own = entryOf(parameters, type);
  if (own === null) return undefined;
  if (!isDictionary(own))
    config.missing('rope_parameters', `the family has no default for ${shown(type, 60)} layers`);
  return { scaling: new Fields(own, `${path}.${shown(type, 60)}`), nested: true, assumed: true };
}

/** @throws {ValueError} if neither it nor what it follows from is there. */
function headWidth(config: Fields, family: RotaryFamily, type: string, index: number): number {
  if (family.latent !== undefined)
    return ofLayer(config, index, 'qk_rope_head_dim') ?? config.count('qk_rope_head_dim') ?? family.latent;
  const full = type === 'full_attention' ? config.count('global_head_dim') : undefined;
  const given = ofLayer(config, index, 'head_dim') ?? full;
  if (given !== undefined) return given;
  const ofType = typeof family.head === 'object' ? family.head[type] : family.head;
  // a full layer of Gemma 4 has a width of its own, not head_dim
  if (typeof family.head === 'object' && type === 'full_attention' && !config.has('per_layer_config'))
    return ofType!;
  const said = config.count('head_dim', 'attention_head_dim', 'kv_channels') ?? ofType;
  if (said !== undefined) return said;
  const E = config.count('hidden_size', 'n_embd', 'd_model', 'n_embed');
  const H = config.count(
    'num_attention_heads',
    'n_head',
    'n_heads',
    'num_heads',
    'decoder_num_attention_heads',
  );
  if (E === undefined || H === undefined)
    return config.missing('head_dim', 'give it, or hidden_size and num_attention_heads');
  return Math.floor(E / H);
}

/** A field that transformers 5 writes for one layer alone. */
function ofLayer(config: Fields, index: number, key: string): number | undefined {
  const layers = config.dictionary('per_layer_config');
  const name = Object.keys(layers?.values ?? {}).find((number) => Number(number) === index);
  return name === undefined ? undefined : layers!.dictionary(name)?.count(key);
}

function layoutOf(config: Fields, family: RotaryFamily): RotationOptions['layout'] {
  const interleaved = config.flag('rope_interleave', 'rotary_interleaved');
  const layout = interleaved === undefined ? (family.layout ?? 'half') : interleaved ? 'interleaved' : 'half';
  if (config.get('position_embedding_type') === 'rope_gptj' && layout !== 'interleaved') {
    const rule = `turns neighbours in pairs, and ${String(config.values.model_type)} turns the halves of a head`;
    config.refuse('position_embedding_type', rule);
  }
  return layout;
}

const nullBase = 'transformers writes that when a scaling is assigned, and the base is lost; say the base';

/** Names that a base has in some family. */
const baseFields = [
  'rope_theta',
  'rotary_emb_base',
  'rope_local_base_freq',
  'local_rope_theta',
  'global_rope_theta',
] as const;

function baseOf(
  config: Fields,
  { scaling, assumed }: Found,
  family: RotaryFamily,
  layer: RotaryLayer,
): number {
  scaling.notNull('rope_theta', nullBase);
  const inside = scaling.positive('rope_theta');
  if (inside !== undefined && !assumed) return ownBase(config, family, layer, inside);
  const field =
    typeof family.baseField === 'object' ? family.baseField[layer.type] : (family.baseField ?? 'rope_theta');
  if (field !== undefined && !family.byType && inside === undefined) config.notNull(field, nullBase);
  if (field !== undefined && family.byType) config.notNull(field, nullBase);
  const said = field === undefined || inside !== undefined ? undefined : config.positive(field);
  const byFamily = typeof family.base === 'object' ? family.base[layer.type] : family.base;
  const base = said ?? inside ?? byFamily ?? 10_000;
  refuseStrayBases(config, family, field, base, inside !== undefined);
  return ownBase(config, family, layer, base);
}

/** A field that this family does not read, or not for these layers, must not say another base. */
function refuseStrayBases(
  config: Fields,
  family: RotaryFamily,
  field: string | undefined,
  base: number,
  assumed: boolean,
): void {
  const ofOthers = typeof family.baseField === 'object' ? Object.values(family.baseField) : [];
  const read = assumed ? [] : [field, ...(field === undefined ? [] : ofOthers)];
  for (const key of baseFields) {
    if (read.includes(key) || !config.has(key) || config.number(key) === base) continue;
    const rule = `is not read by transformers 5 for every layer of ${String(config.values.model_type)}, where the base would be ${base}; say it in rope_parameters${family.byType ? ', by layer type' : ''}`;
    config.refuse(key, rule);
  }
  const attention = config.values.attn_config;
  if (!isDictionary(attention)) return;
  const own = new Fields(attention, `${config.path}.attn_config`);
  const older = own.positive('rope_theta');
  if (older !== undefined && older !== base) {
    const rule = `is read by transformers 4 and ignored by 5, where the base would be ${base}; say rope_theta beside attn_config`;
    own.refuse('rope_theta', rule);
  }
}

/** The base of a layer with its own; Muse's list only says which layers stand still. */
function ownBase(config: Fields, family: RotaryFamily, { base: own }: RotaryLayer, base: number): number {
  if (own === undefined || own === base) return base;
  if (!String(config.values.model_type).startsWith('muse') && family.turns === 'bases') return own;
  const rule = `must say 0 (no rotation) or the base of all layers, ${base}`;
  return config.refuse('layer_rope_theta', rule, own);
}

type Share = Pick<RotationOptions, 'fraction' | 'width'>;

function shareOf(config: Fields, { scaling, assumed }: Found, family: RotaryFamily, D: number): Share {
  if (family.latent !== undefined) return {}; // the turning part is kept apart: all of it turns
  scaling.notNull('partial_rotary_factor', 'give the share of a head that turns, or leave it out');
  const [at, key] = scaling.has('partial_rotary_factor')
    ? [scaling, 'partial_rotary_factor']
    : [config, family.fractionField ?? 'partial_rotary_factor'];
  const fraction = at.number(key);
  if (fraction !== undefined && (fraction <= 0 || fraction > 1))
    at.refuse(key, 'must be in (0, 1], the share of a head that turns');
  if (scaling.get('rope_type') === 'proportional') return { fraction: fraction ?? 1 };
  if (family.rotaryDim !== undefined) return widthOf(config, family, D, at.has(key) ? fraction : undefined);
  const share = fraction ?? (typeof family.fraction === 'number' ? family.fraction : 1);
  if (family.fraction === 'must be said' && fraction === undefined && !assumed)
    scaling.missing('partial_rotary_factor', 'the share of a head that turns (0.334 in the published files)');
  const R = Math.trunc(D * share);
  if (family.fraction === undefined && R !== D)
    at.refuse(key, `must be 1 or left out: ${String(config.values.model_type)} turns whole heads`);
  refuseStrayWidth(config, R);
  if (at === config) refuseStrayShares(config, key, share);
  mustPair(at, key, D, R, fraction);
  return { fraction: share };
}

/** GPT-J and MiniMax-M2: the width is said outright. */
function widthOf(config: Fields, family: RotaryFamily, D: number, fraction: number | undefined): Share {
  if (family.rotaryDim !== 'read')
    config.notNull(
      'rotary_dim',
      'transformers then turns by the frequencies of all heads together; give a width',
    );
  if (fraction !== undefined && family.rotaryDim === 'read') {
    mustPair(config, 'partial_rotary_factor', D, Math.trunc(D * fraction), fraction);
    return { fraction };
  }
  const width = config.count('rotary_dim') ?? (family.rotaryDim === 'read' ? D : family.rotaryDim!);
  if (width % 2 !== 0 || width > D) {
    const rule = `must be an even number of the ${D} numbers of a head (${width} where the file says none)`;
    config.refuse('rotary_dim', rule, config.get('rotary_dim') ?? 'no such field');
  }
  return { width };
}

/** A family that does not read `rotary_dim` must not be told another width by it. */
function refuseStrayWidth(config: Fields, R: number): void {
  const width = config.count('rotary_dim');
  if (width === undefined || width === R) return;
  const rule = `is not read by transformers 5, where ${R} numbers of a head turn; say partial_rotary_factor`;
  config.refuse('rotary_dim', rule);
}

/** Nor another share by the name that other families have for it. */
function refuseStrayShares(config: Fields, read: string, share: number): void {
  for (const key of ['partial_rotary_factor', 'rotary_pct']) {
    const other = key === read ? undefined : config.number(key);
    if (other === undefined || other === share) continue;
    const rule = `is not read in ${String(config.values.model_type)}, where ${share} of a head turns; call it ${read}`;
    config.refuse(key, rule);
  }
}

function mustPair(at: Fields, key: string, D: number, R: number, fraction: number | undefined): void {
  if (R >= 2 && R % 2 === 0) return;
  const rule = `must let an even number ≥ 2 of the ${D} numbers of a head turn, since they turn in pairs; ${R} would`;
  at.refuse(key, rule, fraction ?? 'no such field');
}
