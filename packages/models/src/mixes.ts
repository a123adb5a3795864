import { type ConfiguredVariant, configure, crossLayer, slidingWindow } from '@headwise/attention-variants';
import { type PositionEncoding, ValueError } from '@headwise/tensor';
import { type Block, type BlockOptions, block } from './block.ts';
import type { HeadShape } from './parts/attention.ts';

/** What one layer of a mixed stack attends with. */
export interface Mixer {
  readonly attention: ConfiguredVariant;
  /** Default none. */
  readonly position?: PositionEncoding | undefined;
  /** Heads of its own. Default those of the model. */
  readonly heads?: HeadShape | undefined;
}

/**
 * The blocks of a mixed stack: those of each layer with its own attention, and what they have in common.
 *
 * @example
 * const layers = everyFew(12, { most: { attention: configure(gatedDelta) }, last: { attention: configure(groupedQuery, { Hkv: 2 }), position } });
 * createDecoder({ shape, blocks: mixedBlocks(layers, { norm, mlp }), norm, device, weights });
 *
 * @throws {ValueError} for an encoding that is added to the embeddings; the blocks throw for a layer that is not there.
 */
export function mixedBlocks(
  layers: readonly Mixer[],
  common: Pick<BlockOptions, 'norm' | 'mlp' | 'arrange'>,
): (layer: number) => Block {
  // blocks of one mixer are one block, as if it had been given for all
  const made = new Map(layers.map((mixer) => [mixer, block({ ...common, ...mixer })] as const));
  return (layer) => {
    const found = made.get(layers[layer]!);
    if (found) return found;
    const rule = `must be one for each layer of the model, which asks for layer ${layer}`;
    throw new ValueError('mixedBlocks', 'layers', rule, `${layers.length} of them`);
  };
}

/**
 * The last layer of each period is of another kind: three recurrent layers and a full one (Qwen3-Next, Kimi Linear), five
 * windows and a full one (Gemma 3), three layers in chunks and one that sees everything and has no positions (Llama 4).
 * What is left at the end is of the first kind.
 *
 * @param period layers from one of the other kind to the next. Default 4
 * @throws {ValueError} for numbers that are not whole and ≥ 1, and for a kind that is left out.
 */
export function everyFew(
  layers: number,
  {
    most,
    last,
    period = 4,
  }: { readonly most: Mixer; readonly last: Mixer; readonly period?: number | undefined },
): readonly Mixer[] {
  checkCount('everyFew', 'layers', layers);
  checkCount('everyFew', 'period', period);
  for (const [name, mixer] of Object.entries({ most, last }))
    if (!mixer?.attention)
      throw new ValueError('everyFew', name, 'must say what its layers attend with, { attention }', mixer);
  return Array.from({ length: layers }, (_, layer) => ((layer + 1) % period === 0 ? last : most));
}

/**
 * You only cache once (YOCO): the first half of the layers has windows; the layer after them keeps everything, and all that
 * follow read its keys and values.
 *
 * ```text
 * layer  0 … N/2 − 1    a window of its own
 *        N/2            keys and values of what the first half says, kept once
 *        N/2 + 1 … N−1  queries of its own over those
 * ```
 *
 * The cache of a long text is that of one layer. The prompt needs the second half for its last token alone, which is not
 * made use of here. Sun et al. 2024, "You Only Cache Once: Decoder-Decoder Architectures for Language Models", section 2,
 * eq. 2 to 4, {@link https://arxiv.org/abs/2405.05254}
 *
 * @param window tokens that a layer of the first half sees
 * @throws {ValueError} unless there are at least two layers. Options are looked at when a decoder is made of the layers.
 */
export function cacheOnce(
  layers: number,
  {
    window,
    Hkv,
    position,
  }: {
    readonly window: number;
    readonly Hkv?: number | undefined;
    readonly position?: PositionEncoding | undefined;
  },
): readonly Mixer[] {
  checkCount('cacheOnce', 'layers', layers, 2);
  const half = Math.floor(layers / 2);
  const pattern = Array.from({ length: layers }, (_, layer) => Math.min(layer, half));
  const local = { attention: configure(slidingWindow, { window, Hkv }), position };
  const shared = { attention: configure(crossLayer, { pattern, Hkv }), position };
  return Array.from({ length: layers }, (_, layer) => (layer < half ? local : shared));
}

function checkCount(op: string, argument: string, value: number, least = 1): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new ValueError(op, argument, `must be a whole number ≥ ${least}`, value);
}
