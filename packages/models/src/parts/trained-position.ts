import type { LayerShape } from '@headwise/attention-variants';
import { learned, t5 } from '@headwise/positional';
import type { InputEncoding, PositionBias, PositionEncoding, Tensor } from '@headwise/tensor';
import type { Shapes, Weights } from '../part.ts';

/**
 * A position encoding with weights of its own: a model declares it as a part, with its weights under `position.…` of
 * whoever has it, and it becomes an encoding when they are there.
 */
export interface TrainedPosition<Encoding extends PositionEncoding = PositionEncoding> {
  readonly kind: 'trained';
  readonly name: string;
  /** Shapes of its weights by name. Never throws. */
  parameters(shape: LayerShape): Shapes;
  /**
   * The encoding over these weights, by the names of `parameters`; they stay their owner's.
   * @throws what the encoding throws for these weights.
   */
  over(weights: Weights): Encoding;
}

/**
 * Learned absolute positions `table [rows, E]`; the row of position 0 is `offset` (2 in BART). GPT-2, BERT.
 * Gehring et al. 2017, section 3.1. Never throws.
 */
export function learnedPositions({
  rows,
  offset = 0,
}: {
  readonly rows: number;
  readonly offset?: number;
}): TrainedPosition<InputEncoding> {
  return {
    kind: 'trained',
    name: 'learned',
    parameters: ({ E }) => ({ table: [rows, E] }),
    over: oncePerTable((table) => learned({ table, offset })),
  };
}

/**
 * T5's buckets of distances `table [buckets, H]`, a bias on the scores. Raffel et al. 2020, section 2.1. Never throws.
 *
 * @param options.bidirectional encoders see both ways. Default false.
 */
export function bucketPositions({
  buckets,
  maxDistance = 128,
  bidirectional = false,
}: {
  readonly buckets: number;
  readonly maxDistance?: number;
  readonly bidirectional?: boolean;
}): TrainedPosition<PositionBias> {
  return {
    kind: 'trained',
    name: 't5',
    parameters: ({ H }) => ({ table: [buckets, H] }),
    over: oncePerTable((table) => t5({ table, maxDistance, bidirectional })),
  };
}

/** Shapes of what an encoding has of weights, as its owner names them: `position.table`. Never throws. */
export function positionParameters(
  position: PositionEncoding | TrainedPosition | undefined,
  shape: LayerShape,
): Shapes {
  if (position?.kind !== 'trained') return {};
  return Object.fromEntries(
    Object.entries(position.parameters(shape)).map(([name, size]) => [`position.${name}`, size]),
  );
}

/** The encoding, over the weights of its owner where it is trained. Never throws. */
export function encodingOf<Encoding extends PositionEncoding>(
  position: Encoding | TrainedPosition<Encoding> | undefined,
  weights: Weights,
): Encoding | undefined {
  if (position?.kind !== 'trained') return position as Encoding | undefined;
  return (position as TrainedPosition<Encoding>).over({ table: weights['position.table']! });
}

/** Encodings keep what they prepared for a device: each table has one. */
function oncePerTable<Encoding extends PositionEncoding>(
  make: (table: Tensor) => Encoding,
): (weights: Weights) => Encoding {
  const made = new WeakMap<Tensor, Encoding>();
  return ({ table }) => {
    const encoding = made.get(table!) ?? make(table!);
    made.set(table!, encoding);
    return encoding;
  };
}
