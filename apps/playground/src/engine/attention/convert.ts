import { type ConfiguredVariant, type LayerShape, poolHeads } from '@headwise/attention-variants';

/** Where the weights of a variant come from. */
export type Origin = 'trained' | 'converted' | 'random';

/** What became of each weight of a layer, in words. */
export interface Provenance {
  readonly origin: Origin;
  /** One sentence for the page. */
  readonly note: string;
}

/** Weights of one layer on the host by name; those that are undefined nobody has trained. */
export interface ConvertedLayer {
  readonly weights: Readonly<Record<string, Float32Array | undefined>>;
  readonly how: Readonly<Record<string, Change>>;
}

type Change = 'own' | 'pooled' | 'copied' | 'new';

/** The attention of the trained model: its variant, and the weights of a layer. */
export interface TrainedAttention {
  readonly shape: LayerShape;
  readonly attention: ConfiguredVariant;
  readonly weights: Readonly<Record<string, Float32Array>>;
}

/**
 * The weights of a layer for another variant: a weight of the same name and size is taken as it is; keys and values of
 * fewer heads are the mean of each group, of more heads copies; what is left nobody has trained.
 */
export function convertLayer(
  trained: TrainedAttention,
  attention: ConfiguredVariant,
  layer: number,
): ConvertedLayer {
  const { shape, weights } = trained;
  const have = trained.attention.parameters(shape, layer);
  const weightsNow: Record<string, Float32Array | undefined> = {};
  const how: Record<string, Change> = {};
  for (const [name, wanted] of Object.entries(attention.parameters(shape, layer))) {
    const own = have[name];
    const values = weights[name];
    const [made, change] =
      own && values ? convert(name, values, own, wanted, shape) : [undefined, 'new' as const];
    weightsNow[name] = made;
    how[name] = change;
  }
  return { weights: weightsNow, how };
}

function convert(
  name: string,
  values: Float32Array,
  own: readonly number[],
  wanted: readonly number[],
  { H, D, Dv = D }: LayerShape,
): readonly [Float32Array | undefined, Change] {
  if (String(own) === String(wanted)) return [values, 'own'];
  const width = name === 'k' ? D : Dv;
  const [from, to] = [own[0]! / width, wanted[0]! / width];
  const isHeads = ['k', 'v'].includes(name) && own.length === wanted.length && own[1] === wanted[1];
  if (isHeads && from % to === 0)
    return [poolHeads({ [name]: values }, { H, D, Dv }, { Hkv: to, from })[name], 'pooled'];
  if (isHeads && to % from === 0) {
    const size = values.length / from;
    const copied = new Float32Array(to * size);
    for (let head = 0; head < to; head++) {
      const source = Math.floor((head * from) / to) * size;
      copied.set(values.subarray(source, source + size), head * size);
    }
    return [copied, 'copied'];
  }
  return [undefined, 'new'];
}

/** What is to be said of weights that were converted so. */
export function provenanceOf(
  layers: readonly ConvertedLayer[],
  trained: ConfiguredVariant,
  attention: ConfiguredVariant,
): Provenance {
  const names = (wanted: Change): string[] => [
    ...new Set(layers.flatMap(({ how }) => Object.keys(how).filter((name) => how[name] === wanted))),
  ];
  const [fresh, pooled, copied] = [names('new'), names('pooled'), names('copied')];
  if (fresh.length > 0) {
    const rest = names('own');
    const kept = rest.length > 0 ? ` (${rest.join(', ')} are the trained ones)` : '';
    return {
      origin: 'random',
      note: `Random weights in ${fresh.join(', ')}${kept}: nobody has trained this variant here, so look at how it computes, not at what it says.`,
    };
  }
  if (pooled.length > 0)
    return {
      origin: 'converted',
      note: `Converted, not trained afterwards: ${pooled.join(' and ')} of each group of heads are their mean.`,
    };
  if (copied.length > 0)
    return {
      origin: 'converted',
      note: `Converted: ${copied.join(' and ')} of each head are copied to the query heads that read it, so the numbers are those of the trained model, and the cache is larger.`,
    };
  const same =
    attention.name === trained.name && JSON.stringify(attention.options) === JSON.stringify(trained.options);
  return same
    ? { origin: 'trained', note: 'The model’s own variant, with the weights it was trained with.' }
    : {
        origin: 'converted',
        note: 'The trained weights as they are, in a variant that they were not trained with.',
      };
}
