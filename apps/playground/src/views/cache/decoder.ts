import {
  type AttentionVariant,
  type ConfiguredVariant,
  configure,
  poolHeads,
} from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import {
  attentionPart,
  blockAt,
  createDecoder,
  type Decoder,
  type DecoderParts,
  decoderParameters,
  randomWeights,
} from '@headwise/models';
import type { RotaryEncoding } from '@headwise/positional';
import { type Device, type Tensor, tensor, ValueError } from '@headwise/tensor';
import { choicesOf } from '../choices.ts';

/** A trained decoder on a device, taken apart: what other variants are put into. */
export interface Base {
  readonly parts: DecoderParts;
  /** By the decoder's names; they stay the base's. */
  readonly weights: Readonly<Record<string, Tensor>>;
  /** The variant it was trained with. */
  readonly trained: ConfiguredVariant;
  /** What turns its queries and keys. */
  readonly position: RotaryEncoding | undefined;
}

/** A decoder of another variant, and where its weights are from, in words. */
export interface Variation {
  readonly decoder: Decoder;
  readonly attention: ConfiguredVariant;
  readonly weights: string;
}

/** A shape that every variant fits. */
const SMALL = { E: 16, H: 4, D: 8, layers: 4 };

/** What a variant can be asked for; the shown text is short, so what counts in hundreds of tokens begins smaller. */
const SHOWN_TOKENS = 8;

/** Variants that can decode a text, for menus and forms; the trained one begins with the options it was trained with. */
export function variantEntries(trained?: ConfiguredVariant): readonly {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly choices: Readonly<Record<string, readonly string[]>>;
}[] {
  return Object.values(variants)
    .filter((variant) => !('needsSource' in variant && variant.needsSource))
    .map((variant) => {
      const { name, title, summary, defaults } = variant as AttentionVariant;
      return {
        name,
        title,
        summary,
        defaults: shownDefaults(name, defaults, trained),
        choices: choicesOf(defaults, (given) => variantOf(name, given).check(SMALL)),
      };
    });
}

function shownDefaults(name: string, defaults: object, trained?: ConfiguredVariant): Record<string, unknown> {
  return { ...shortened(defaults), ...(name === trained?.name && trained.options) };
}

function shortened(defaults: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => [
      key,
      Number.isInteger(value) && (value as number) >= 32 ? SHOWN_TOKENS : value,
    ]),
  );
}

/** A variant of the registry with options over the shown defaults. @throws {ValueError} for what it refuses. */
export function variantOf(
  name: string,
  options: Readonly<Record<string, unknown>>,
  trained?: ConfiguredVariant,
): ConfiguredVariant {
  const variant = (variants as Readonly<Record<string, AttentionVariant>>)[name];
  if (!variant)
    throw new ValueError('cache', 'variant', `must be one of ${Object.keys(variants).join(', ')}`, name);
  return configure(variant, { ...shownDefaults(name, variant.defaults, trained), ...options });
}

/**
 * The base with another attention: with its own weights where they have the same names and shapes, with its key/value
 * heads repeated or averaged where only their number differs, else with random ones.
 *
 * @throws {ShapeError | ValueError} if the variant refuses the shape.
 */
export async function vary(device: Device, base: Base, attention: ConfiguredVariant): Promise<Variation> {
  const { shape, blocks } = base.parts;
  attention.check(shape);
  const parts: DecoderParts = {
    ...base.parts,
    blocks: (layer) => {
      const own = blockAt(blocks, layer);
      const [, ...rest] = own.parts;
      return { ...own, parts: [attentionPart(attention, { position: base.position }), ...rest] };
    },
  };
  const wanted = decoderParameters(parts);
  const random = randomWeights(device, wanted);
  const kinds = new Set<Kind>();
  const weights: Record<string, Tensor> = {};
  for (const [name, size] of Object.entries(wanted)) {
    const made = await converted(device, base, { name, size });
    kinds.add(made?.kind ?? 'random');
    weights[name] = made?.weight ?? random[name]!;
    if (made) random[name]!.dispose();
  }
  return {
    decoder: createDecoder({ ...parts, device, weights }),
    attention,
    weights: wordsOf(kinds, attention, base.trained),
  };
}

type Kind = 'trained' | 'repeated' | 'averaged' | 'random';

async function converted(
  device: Device,
  { weights, parts: { shape }, trained }: Base,
  { name, size }: { readonly name: string; readonly size: readonly number[] },
): Promise<{ readonly weight: Tensor; readonly kind: Kind } | undefined> {
  const own = weights[name];
  if (!own) return undefined;
  // a handle of its own: the decoder frees what it is given
  if (String(own.shape) === String(size)) return { weight: own.reshape(own.shape), kind: 'trained' };
  const heads = Number(trained.options.Hkv ?? shape.H);
  const [row, wantedRow] = [own.shape[0]! / heads, size[0]!];
  const isHeads = /attention\.[kv]$/.test(name) && own.shape[1] === size[1] && wantedRow % row === 0;
  const to = wantedRow / row;
  if (!isHeads || (to % heads !== 0 && heads % to !== 0)) return undefined;
  const values = Float32Array.from(await own.data());
  if (to % heads === 0) {
    const group = to / heads;
    const block = values.length / heads;
    const repeated = Float32Array.from(
      { length: values.length * group },
      (_, i) => values[Math.floor(i / block / group) * block + (i % block)]!,
    );
    return { weight: tensor(device, repeated, size), kind: 'repeated' };
  }
  const pooled = poolHeads({ [name.endsWith('.k') ? 'k' : 'v']: values }, shape, { Hkv: to, from: heads });
  return { weight: tensor(device, Object.values(pooled)[0]!, size), kind: 'averaged' };
}

function wordsOf(kinds: ReadonlySet<Kind>, attention: ConfiguredVariant, trained: ConfiguredVariant): string {
  if (kinds.has('random')) return 'random attention weights: the text is noise, the cache is real';
  if (kinds.has('averaged')) return 'trained weights, key/value heads averaged, not trained again';
  if (kinds.has('repeated'))
    return `trained weights of ${trained.name}, key/value heads repeated: the same numbers`;
  if (attention.name === trained.name) return 'trained weights';
  return `weights trained as ${trained.name}, run with another score`;
}
