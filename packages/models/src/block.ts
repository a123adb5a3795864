import type { ConfiguredVariant, LayerShape } from '@headwise/attention-variants';
import {
  type AttentionExtra,
  add,
  type LayerState,
  type PositionEncoding,
  type Positions,
  type Tensor,
} from '@headwise/tensor';
import type { Mlp } from './mlps.ts';
import type { Norm } from './norms.ts';

/** What a block is made of. */
export interface BlockParts {
  readonly attention: ConfiguredVariant;
  readonly norm: Norm;
  readonly mlp: Mlp;
  /** Rotation or bias, which attention uses; one that is added to the embeddings is the decoder's business. */
  readonly position?: PositionEncoding | undefined;
}

/** The weights of a block, each part's by its own names. */
export interface BlockWeights {
  readonly attentionNorm: Readonly<Record<string, Tensor>>;
  readonly attention: Readonly<Record<string, Tensor>>;
  readonly mlpNorm: Readonly<Record<string, Tensor>>;
  readonly mlp: Readonly<Record<string, Tensor>>;
}

/** Where in the model and in the text a call of a block stands. */
export interface BlockCall {
  readonly shape: LayerShape;
  /** Index of the layer, from 0. */
  readonly layer: number;
  readonly state: LayerState;
  /** Of the L tokens. */
  readonly positions: Positions;
  /** What attention is to return beside its output: `weights [B, H, Lq, Lk]`, … */
  readonly extras?: readonly AttentionExtra[] | undefined;
}

/** What a block hands back. */
export interface BlockResult {
  /** `[B, L, E]` */
  readonly y: Tensor<'B L E'>;
  readonly state: LayerState;
  /** What `extras` asked for, by name. */
  readonly extras: { readonly [Name in AttentionExtra]?: Tensor };
}

/** Shapes of a block's weights by part and name. @throws {ShapeError | ValueError} if the variant refuses the shape. */
export function blockParameters(
  { attention, norm, mlp }: BlockParts,
  shape: LayerShape,
  layer: number,
): { readonly [Part in keyof BlockWeights]: Readonly<Record<string, readonly number[]>> } {
  return {
    attentionNorm: norm.parameters(shape.E),
    attention: attention.parameters(shape, layer),
    mlpNorm: norm.parameters(shape.E),
    mlp: mlp.parameters(shape.E),
  };
}

/**
 * One layer of a decoder in the pre-norm order of GPT-2 and Llama: the residual stream `x` is only ever added to.
 *
 * ```text
 * x [B, L, E]
 * h = x + attention(norm(x))     reads and grows the layer's state
 * y = h + mlp(norm(h))           [B, L, E]
 * ```
 *
 * Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture", table 1, right column.
 *
 * @throws {ShapeError} if x, a weight or the state is of another size.
 * @throws {ValueError} if the tokens do not fit into the state; it is then as it was.
 * @throws {DeviceError} if the device cannot run a part, or tensors are on different devices.
 */
export function runBlock(
  { attention, norm, mlp, position }: BlockParts,
  x: Tensor<'B L E'>,
  weights: BlockWeights,
  call: BlockCall,
): BlockResult {
  const {
    y: attended,
    state,
    ...extras
  } = attention.layer({
    ...call,
    x: norm.apply(x, weights.attentionNorm),
    weights: weights.attention,
    position,
  });
  const h = add(x, attended);
  return { y: add(h, mlp.apply(norm.apply(h, weights.mlpNorm), weights.mlp)), state, extras };
}
