import { attentionOp, type Device, ValueError } from '@headwise/tensor';
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
  check(shape: LayerShape): void;
  parameters(shape: LayerShape, layer: number): Readonly<Record<string, readonly number[]>>;
  kv(shape: LayerShape, layer: number): ReturnType<AttentionVariant['kv']>;
  cost(shape: LayerShape, call: CostCall): Cost;
  /** The declared parts of its score; undefined where there are no scores. */
  score(layer: number): ScoreParts | undefined;
  /** What a tap can read and replace on the way through a layer. */
  taps(shape: LayerShape, layer: number): readonly string[];
  /** Width of the part of a head that an encoding turns. */
  turns(shape: LayerShape): number;
  /** Why a device cannot run it: user code in its score, on a device that has only its own. Empty when it can. */
  reasonsAgainst(device: Device, layer: number): readonly string[];
  attend(call: AttendCall): AttendResult;
  layer(call: Omit<LayerCall<Options>, 'options'>): LayerResult;
}

/**
 * Fills in the defaults of a variant.
 *
 * @example
 * const attention = configure(groupedQuery, { Hkv: 2 });
 * const { out } = attention.attend({ q, k, v });
 *
 * @throws {ValueError} for an option that the variant does not have.
 */
export function configure<Options extends object>(
  variant: AttentionVariant<string, Options>,
  given: GivenOptions<Options> = {},
): ConfiguredVariant<Options> {
  const options = resolveOptions(variant, given);
  return {
    name: variant.name,
    variant,
    options,
    check: (shape) => variant.check(shape, options),
    parameters: (shape, layer) => variant.parameters(shape, options, layer),
    kv: (shape, layer) => variant.kv(shape, options, layer),
    cost: (shape, call) => variant.cost(shape, options, call),
    score: (layer) => variant.score?.(options, layer),
    taps: (shape, layer) => variant.taps?.(shape, options, layer) ?? [],
    turns: (shape) => variant.turns?.(shape, options) ?? shape.D,
    reasonsAgainst: (device, layer) =>
      device.supports(
        attentionOp,
        {},
        { modifiers: variant.score?.(options, layer).modifiers ?? [], extras: [] },
      ),
    attend: (call) => variant.attend(call, options),
    layer: (call) => variant.layer({ ...call, options }),
  };
}

/** The defaults under what was given. @throws {ValueError} for an option that the variant does not have. */
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
  return { ...defaults, ...(Object.fromEntries(set) as Partial<Options>) };
}
