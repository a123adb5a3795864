import type { ConfiguredVariant, LayerShape } from '@headwise/attention-variants';
import { type PositionEncoding, stateId, ValueError } from '@headwise/tensor';
import type { Part } from '../part.ts';
import { encodingOf, positionParameters, type TrainedPosition } from './trained-position.ts';

/** What an attention part says about its heads, where they are not those of the model. */
export type HeadShape = Partial<Pick<LayerShape, 'H' | 'D' | 'Dv' | 'biases' | 'headNorm' | 'gate'>>;

/** Options of an attention part. */
export interface AttentionPartOptions {
  /** A rotation or a bias, trained or not. One that is added to the embeddings is the model's, which adds it once. */
  readonly position?: PositionEncoding | TrainedPosition | undefined;
  /** Heads of its own, in a model whose layers differ in them: a hybrid. Default those of the model. */
  readonly heads?: HeadShape | undefined;
  /** Name of its weights in a block. Default `attention`. */
  readonly name?: string | undefined;
}

/**
 * Self-attention as a part of a block: any variant, with the encoding it is to use. It keeps one state a layer,
 * `"3.self"`.
 *
 * @throws {ValueError} for an encoding that is added to the embeddings, or a variant that reads a source.
 */
export function attentionPart(
  attention: ConfiguredVariant,
  { position, heads, name = 'attention' }: AttentionPartOptions = {},
): Part {
  if (position?.kind === 'input') {
    const rule = 'must act inside attention; give one that is added to the embeddings to the model';
    throw new ValueError('attentionPart', 'position', rule, position.name);
  }
  if (attention.variant.needsSource)
    throw new ValueError(
      'attentionPart',
      'attention',
      'must read the text itself (crossPart reads a source)',
      attention.name,
    );
  return partOf(attention, { name, keeps: 'text', role: 'self', position, heads });
}

/**
 * Cross-attention as a part of a block: queries from the text, keys and values from a source, read once and kept as
 * `"3.cross"`.
 *
 * @throws {ValueError} unless the variant reads a source.
 */
export function crossPart(
  attention: ConfiguredVariant,
  { name = 'cross' }: { readonly name?: string } = {},
): Part {
  if (!attention.variant.needsSource)
    throw new ValueError(
      'crossPart',
      'attention',
      'must be a variant that reads a source, like crossAttention',
      attention.name,
    );
  return partOf(attention, { name, keeps: 'source', role: 'cross', position: undefined });
}

function partOf(
  attention: ConfiguredVariant,
  {
    name,
    keeps,
    role,
    position,
    heads,
  }: {
    readonly name: string;
    readonly keeps: Part['keeps'];
    readonly role: string;
    readonly position: PositionEncoding | TrainedPosition | undefined;
    readonly heads?: HeadShape | undefined;
  },
): Part {
  const within = shapeWith(heads);
  return {
    name,
    summary: [attention.name, position?.name].filter(Boolean).join(', '),
    keeps,
    check: (shape) => attention.check(within(shape)),
    parameters: (shape, layer) => ({
      ...attention.parameters(within(shape), layer),
      ...positionParameters(position, within(shape)),
    }),
    states: (shape, layer) => ({ [stateId(layer, role)]: attention.kv(within(shape), layer) }),
    reasonsAgainst: (device, _shape, layer) => attention.reasonsAgainst(device, layer),
    taps: (shape, layer) => attention.taps(within(shape), layer),
    choosing: attention.variant.choosing,
    // a table of a bias is made for the place of the queries, on the host
    stepsAlike: attention.variant.stepsAlike === true && keeps === 'text' && position?.kind !== 'bias',
    regime: position?.kind === 'rotation' ? position.dependsOnLength?.regime : undefined,
    reserve(device, shape, end) {
      if (position?.kind === 'rotation') position.reserve?.(device, end, attention.turns(within(shape)));
    },
    release() {
      if (position?.kind === 'rotation' && 'dispose' in position) (position.dispose as () => void)();
    },
    // field by field: at every step, an object made of another takes V8 many times as long, and is garbage of its own kind
    run({ x, weights, states, positions, shape, layer, source, sourcePositions, extras, tap }) {
      const id = stateId(layer, role);
      const result = attention.variant.layer({
        x,
        weights,
        state: states[id]!,
        id,
        positions,
        position: encodingOf(position, weights),
        shape: within(shape),
        options: attention.options,
        layer,
        source,
        sourcePositions,
        extras,
        tap,
      });
      const { y, state: _, ...asked } = result;
      return { y, extras: asked };
    },
  };
}

/** The shape of a model with a part's own heads in it: made once for each model, since every step asks. */
function shapeWith(heads: HeadShape | undefined): (shape: LayerShape) => LayerShape {
  if (!heads) return (shape) => shape;
  const made = new WeakMap<LayerShape, LayerShape>();
  return (shape) => {
    const known = made.get(shape);
    if (known) return known;
    const own = { ...shape, ...heads };
    made.set(shape, own);
    return own;
  };
}
