import type { Positions, Tensor } from '@headwise/tensor';
import type { DecoderShape } from '../decoder.ts';
import type { Shapes, Weights } from '../part.ts';

/** What stands on top of an encoder: it makes of what the encoder says of each token what the model was trained for. */
export interface Head {
  /** `masked-lm`, `classifier`, `token-classifier`, `pooler` */
  readonly name: string;
  /** One result for each token, or one for a text. */
  readonly per: 'token' | 'text';
  /** Names of its outputs, where they have names. */
  readonly labels?: readonly string[] | undefined;
  /** Shapes of its weights by name, which stand under `head.…`; projections are `[out, in]`. Never throws. */
  parameters(shape: DecoderShape): Shapes;
  /**
   * @param hidden `[B, L, E]`
   * @param weights its own by the names of `parameters`, and the model's table `embed [V, E]`
   * @param positions of the tokens, −1 for padding
   * @returns `[B, L, …]` or `[B, …]`
   * @throws what its operations throw.
   */
  apply(hidden: Tensor<'B L E'>, weights: Weights, positions: Positions): Tensor;
}
