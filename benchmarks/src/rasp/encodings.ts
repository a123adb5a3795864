import { bucketPositions, learnedPositions, type TrainedPosition } from '@headwise/models';
import { alibi, none, proportional, rotary } from '@headwise/positional';
import type { InputEncoding, PositionBias, PositionEncoding } from '@headwise/tensor';

/** How the models of a cell know where a token stands. */
export interface RaspEncoding {
  readonly name: string;
  readonly title: string;
  /** Turns queries and keys, or biases scores. */
  readonly position: PositionEncoding | TrainedPosition<PositionBias>;
  /** Is added to the embeddings, with a table for so many places. */
  readonly added?: (rows: number) => TrainedPosition<InputEncoding>;
  /** Every other layer, the first one among them, sees so many tokens only, and knows them by rotary positions. */
  readonly window?: number;
}

/**
 * Every encoding of the suite. Texts begin at a random place, in training and in checks, so that all rows of a learned table
 * are trained (Zhou et al. 2023, section 4.1); the others do not see where a text begins, but how far tokens are apart. T5's
 * last bucket begins at a distance that training has: beyond it nothing is new. Near tokens by rotary positions and all tokens
 * by none, in turn, is Yang et al. 2025, "Rope to Nope and Back Again", {@link https://arxiv.org/abs/2501.18795}: no distance
 * that a layer can see is new.
 */
export const raspEncodings: readonly RaspEncoding[] = [
  { name: 'none', title: 'none', position: none() },
  {
    name: 'learned',
    title: 'learned',
    position: none(),
    added: (rows) => learnedPositions({ rows }),
  },
  { name: 'rotary', title: 'rotary', position: rotary() },
  { name: 'proportional', title: 'rotary, ¼', position: proportional({ fraction: 0.25 }) },
  { name: 'alibi', title: 'ALiBi', position: alibi() },
  { name: 'window', title: 'near / none', position: none(), window: 4 },
  { name: 't5', title: 'T5', position: bucketPositions({ buckets: 16, maxDistance: 16 }) },
];
