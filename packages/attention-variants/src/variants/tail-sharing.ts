import { ValueError } from '@headwise/tensor';
import { checkCount, checkWindow } from '../checks.ts';
import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Windows with a full layer between, of which the last layers share: a layer of the tail has no keys and values of its
 * own and reads those of the last layer of its kind before it, a windowed layer those of a windowed one, a full layer
 * those of a full one. What Gemma 3n and Gemma 4 run.
 *
 * ```text
 * layer            0 1 2 3 | 4    5 6 7 8 | 9    10 11 12 13 | 14        period 5: four windows, then a full one
 * keeps            window  | all  window  | all  —                       tail = 5: none of its own
 * reads            its own                       8  8  8  8  | 9
 * ```
 *
 * It cuts what is stored and the projections of keys and values in the tail, not what a step reads. Queries of a sharing
 * layer are turned as its producer's keys were: both kinds have an encoding of their own.
 *
 * @see Google DeepMind 2025, "Gemma 3n model overview", KV cache sharing; after Brandon et al. 2024, "Reducing
 * Transformer Key-Value Cache Size with Cross-Layer Attention", {@link https://arxiv.org/abs/2405.12981}
 */
export const tailSharing = softmaxVariant({
  name: 'tail-sharing',
  title: 'Sharing by the last layers, each with its kind (Gemma 3n)',
  summary:
    'The last layers read the keys and values of the last earlier layer of their kind, windowed or full.',
  paper: {
    title: 'Gemma 3n model overview',
    authors: 'Google DeepMind',
    year: 2025,
  },
  defaults: {
    /** Layers at the end that keep nothing; `undefined` for those after the first period, at most half of them. */
    tail: undefined as number | undefined,
    /** Every so many layers one is full, the last of each period; the others have a window. */
    period: 2,
    /** Tokens that a windowed layer sees, the query's own among them. */
    window: 512,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: (options, layer) => ({
    causal: true,
    scale: options.scale,
    ...(isWindowed(options, layer) && { window: [options.window - 1, 0] as const }),
  }),
  cap: (options, layer) => (isWindowed(options, layer) ? options.window : Infinity),
  producer: ({ layers }, options, layer) => {
    const first = layers - tailOf(options, layers);
    if (layer < first) return layer;
    let producer = first - 1;
    while (producer >= 0 && isWindowed(options, producer) !== isWindowed(options, layer)) producer--;
    return Math.max(0, producer);
  },
  check: (shape, options) => {
    checkCount('tail-sharing', 'period', options.period);
    checkWindow('tail-sharing', options.window);
    const { tail } = options;
    if (tail !== undefined && !(Number.isInteger(tail) && tail >= 0))
      throw new ValueError('tail-sharing', 'tail', 'must be a whole number ≥ 0', tail);
    if (!shape) return;
    const first = shape.layers - tailOf(options, shape.layers);
    const kinds = new Set(
      Array.from({ length: Math.max(0, first) }, (_, layer) => isWindowed(options, layer)),
    );
    for (let layer = Math.max(0, first); layer < shape.layers; layer++) {
      if (kinds.has(isWindowed(options, layer))) continue;
      const kind = isWindowed(options, layer) ? 'windowed' : 'full';
      const rule = `must leave a ${kind} layer before it, whose keys and values layer ${layer} of ${shape.layers} reads`;
      throw new ValueError('tail-sharing', 'tail', rule, tail);
    }
  },
});

interface Kinds {
  readonly period: number;
  readonly tail: number | undefined;
}

function isWindowed({ period }: Kinds, layer: number): boolean {
  return (layer + 1) % period !== 0;
}

function tailOf({ period, tail }: Kinds, layers: number): number {
  return tail ?? Math.max(0, Math.min(Math.floor(layers / 2), layers - period));
}
