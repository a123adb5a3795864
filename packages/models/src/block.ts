import type { ConfiguredVariant, LayerShape } from '@headwise/attention-variants';
import type { LayerSpec, PositionEncoding } from '@headwise/tensor';
import type { Arrangement } from './arrangements/arrangement.ts';
import { preNorm } from './arrangements/pre-norm.ts';
import type { Part, Shapes, Weights } from './part.ts';
import { attentionPart, crossPart, type HeadShape } from './parts/attention.ts';
import { feedForward, type Mlp } from './parts/feed-forward.ts';
import type { Norm } from './parts/norms.ts';
import type { TrainedPosition } from './parts/trained-position.ts';

/** One layer of a model: parts, the norms between them, and the order in which they are put together. */
export interface Block {
  readonly parts: readonly Part[];
  readonly norm: Norm;
  readonly arrange: Arrangement;
}

/** One block for all layers, or a function that gives each layer its own. */
export type Blocks = Block | ((layer: number) => Block);

/** The common case: attention, cross-attention where there is a source, a feed-forward. */
export interface BlockOptions {
  readonly attention: ConfiguredVariant;
  /** What the attention uses: a rotation or a bias, trained or not. Default none. */
  readonly position?: PositionEncoding | TrainedPosition | undefined;
  /** Heads of the attention, in a model whose layers differ in them. Default those of the model. */
  readonly heads?: HeadShape | undefined;
  /** Between the two, for a model that reads a source. */
  readonly cross?: ConfiguredVariant | undefined;
  readonly mlp: Mlp;
  readonly norm: Norm;
  /** Default `preNorm`. */
  readonly arrange?: Arrangement | undefined;
}

/**
 * A block of attention and feed-forward, with cross-attention between them where it is given.
 *
 * @example
 * block({ attention: configure(groupedQuery, { Hkv: 2 }), position: rotary(), norm: createRmsNorm(), mlp: createSwiglu({ F: 64 }) })
 *
 * @throws {ValueError} for an encoding that is added to the embeddings, which is the model's business.
 */
export function block({
  attention,
  position,
  heads,
  cross,
  mlp,
  norm,
  arrange = preNorm,
}: BlockOptions): Block {
  const parts = [
    attentionPart(attention, { position, heads }),
    ...(cross ? [crossPart(cross)] : []),
    feedForward(mlp),
  ];
  return { parts, norm, arrange };
}

/** The block of a layer. Never throws. */
export function blockAt(blocks: Blocks, layer: number): Block {
  return typeof blocks === 'function' ? blocks(layer) : blocks;
}

/**
 * Shapes of a block's weights by name: `attentionNorm.weight`, `attention.q`, `mlp.up`, …
 * @throws what a part throws for a shape or a layer that does not fit it.
 */
export function blockParameters({ parts, norm, arrange }: Block, shape: LayerShape, layer: number): Shapes {
  const norms = arrange.norms(parts.map(({ name }) => name));
  return Object.fromEntries([
    ...norms.flatMap((name) => under(name, norm.parameters(shape.E))),
    ...parts.flatMap((part) => under(part.name, part.parameters(shape, layer))),
  ]);
}

/**
 * What a block keeps, by id; `keeps` chooses those of the text or of the source.
 * @throws what a part throws for a shape or a layer that does not fit it.
 */
export function blockStates(
  { parts }: Block,
  shape: LayerShape,
  layer: number,
  keeps?: Part['keeps'],
): Readonly<Record<string, LayerSpec>> {
  const kept = parts.filter((part) => keeps === undefined || part.keeps === keeps);
  return Object.assign({}, ...kept.map((part) => part.states(shape, layer)));
}

/** The weights of a block, each part's and norm's by its own names. */
export type BlockWeights = Readonly<Record<string, Weights>>;

/** The weights of one block out of those of a model: `layers.3.attention.q` is `attention`'s `q`. */
export function blockWeights({ parts, arrange }: Block, weights: Weights, prefix: string): BlockWeights {
  const names = [...parts.map(({ name }) => name), ...arrange.norms(parts.map(({ name }) => name))];
  return Object.fromEntries(names.map((name) => [name, within(weights, `${prefix}${name}.`)]));
}

/** The weights whose names begin so, by the rest of their names. Never throws. */
export function within(weights: Weights, prefix: string): Weights {
  return Object.fromEntries(
    Object.entries(weights).flatMap(([name, weight]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), weight]] : [],
    ),
  );
}

function under(prefix: string, shapes: Shapes): [string, readonly number[]][] {
  return Object.entries(shapes).map(([name, shape]) => [`${prefix}.${name}`, shape]);
}
