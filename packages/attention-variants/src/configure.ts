import {
  attentionOp,
  checkFields,
  checkGiven,
  type Device,
  reasonsAgainst,
  ValueError,
} from '@headwise/tensor';
import type {
  AttendCall,
  AttendResult,
  AttentionVariant,
  Cost,
  CostCall,
  GivenOptions,
  LayerCall,
  LayerResult,
  LayerShape,
  ScoreParts,
  VariantIdentity,
} from './contract.ts';

/** A variant with its options filled in: what a model holds, one for all layers or one for each. */
// biome-ignore lint/suspicious/noExplicitAny: of any options; what it takes and returns does not depend on them
export interface ConfiguredVariant<Options extends object = any> {
  readonly name: string;
  readonly variant: AttentionVariant<string, Options>;
  readonly options: Options;
  /** @throws {ShapeError | ValueError} if options and shape do not fit each other. */
  check(shape: LayerShape): void;
  /** Shapes of the weights of a layer by name. Never throws. */
  parameters(shape: LayerShape, layer: number): Readonly<Record<string, readonly number[]>>;
  /** What a layer keeps between calls. Never throws. */
  kv(shape: LayerShape, layer: number): ReturnType<AttentionVariant['kv']>;
  /** Useful work of one call of one layer. Never throws. */
  cost(shape: LayerShape, call: CostCall): Cost;
  /** The declared parts of its score; undefined where there are no scores. Never throws. */
  score(layer: number): ScoreParts | undefined;
  /** What a tap can read and replace on the way through a layer. Never throws. */
  taps(shape: LayerShape, layer: number): readonly string[];
  /** Width of the part of a head that an encoding turns. Never throws. */
  turns(shape: LayerShape): number;
  /** Why a device cannot run it: user code in its score, on a device that has only its own. Empty when it can. Never throws. */
  reasonsAgainst(device: Device, layer: number): readonly string[];
  /** @throws {ShapeError | ValueError | DeviceError} if the call does not fit the variant, itself or the device. */
  attend(call: AttendCall): AttendResult;
  /** The same; the state is then as it was. @throws as {@link attend} does. */
  layer(call: Omit<LayerCall<Options>, 'options'>): LayerResult;
}

/**
 * Fills in the defaults of a variant.
 *
 * @example
 * const attention = configure(groupedQuery, { Hkv: 2 });
 * const { out } = attention.attend({ q, k, v });
 *
 * @throws {ValueError} for an option that the variant does not have, or a variant that was forgotten.
 */
export function configure<Options extends object>(
  variant: AttentionVariant<string, Options>,
  given: GivenOptions<Options> = {},
): ConfiguredVariant<Options> {
  checkFields('configure', 'variant', variant, ['name', 'defaults']);
  checkFields(variant.name, 'options', given);
  const options = resolveOptions(variant, given);
  const { name } = variant;
  const known = (shape: LayerShape, also: object): LayerShape => {
    checkFields(name, 'shape', shape, ['E', 'H', 'D', 'layers']);
    checkGiven(name, also as Readonly<Record<string, unknown>>);
    return shape;
  };
  return {
    name,
    variant,
    options,
    check: (shape) => variant.check(shape, options),
    parameters: (shape, layer) => variant.parameters(known(shape, { layer }), options, layer),
    kv: (shape, layer) => variant.kv(known(shape, { layer }), options, layer),
    cost: (shape, call) => variant.cost(known(shape, { call }), options, call),
    score: (layer) => variant.score?.(options, layer),
    taps: (shape, layer) => variant.taps?.(shape, options, layer) ?? [],
    turns: (shape) => variant.turns?.(shape, options) ?? shape.D,
    reasonsAgainst: (device, layer) =>
      reasonsAgainst(
        device,
        attentionOp,
        {},
        { modifiers: variant.score?.(options, layer).modifiers ?? [], extras: [] },
      ),
    attend: (call) => variant.attend(call, options),
    layer: (call) => variant.layer({ ...call, options }),
  };
}

/**
 * The defaults under what was given.
 *
 * @throws {ValueError} for an option that the variant does not have, or a value that none can be.
 */
export function resolveOptions<Options extends object>(
  { name, defaults }: Pick<VariantIdentity<string, Options>, 'name' | 'defaults'>,
  given: GivenOptions<Options> = {},
): Options {
  const known = Object.keys(defaults);
  for (const [key, value] of Object.entries(given)) {
    if (!known.includes(key)) {
      const rule = known.length > 0 ? `it has ${known.join(', ')}` : 'it has none';
      throw new ValueError(name, key, `is not an option of this variant (${rule})`, value);
    }
  }
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  checkKinds(name, defaults, Object.fromEntries(set));
  return { ...defaults, ...(Object.fromEntries(set) as Partial<Options>) };
}

/**
 * No option is NaN, and a switch is true or false; what else a value may be, its variant checks.
 *
 * @throws {ValueError} naming the option.
 */
export function checkKinds(name: string, defaults: object, options: object): void {
  for (const [key, fallback] of Object.entries(defaults)) {
    const value = (options as Readonly<Record<string, unknown>>)[key];
    if (value === undefined) continue;
    if (Number.isNaN(value)) throw new ValueError(name, key, 'must be a number', value);
    if (typeof fallback === 'boolean' && typeof value !== 'boolean')
      throw new ValueError(name, key, 'must be true or false', value);
  }
}
