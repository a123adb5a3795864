import { configure, groupedQuery } from '@headwise/attention-variants';
import { rotary } from '@headwise/positional';
import type { Device } from '@headwise/tensor';
import { type BlockOptions, block } from '../block.ts';
import { createDecoder, type Decoder, type DecoderParts, decoderParameters } from '../decoder.ts';
import { createSwiglu } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { randomWeights } from '../random-weights.ts';

/** What the tiny block is made of. */
export const tinyBlock: BlockOptions = {
  attention: configure(groupedQuery, { Hkv: 2 }),
  position: rotary(),
  norm: createRmsNorm(),
  mlp: createSwiglu({ F: 24 }),
};

/** A decoder that takes milliseconds: 2 layers of width 16, 20 ids, 24 positions. */
export const tinyParts: DecoderParts = {
  shape: { V: 20, E: 16, H: 4, D: 4, layers: 2 },
  blocks: block(tinyBlock),
  norm: createRmsNorm(),
  context: 24,
};

/** The same with random weights, and other parts where they are given: of its block, or of the whole. */
export function tinyDecoder(
  device: Device,
  {
    blocks,
    ...changes
  }: Partial<Omit<DecoderParts, 'blocks'>> & {
    readonly blocks?: Partial<BlockOptions> | DecoderParts['blocks'];
  } = {},
): Decoder {
  const parts: DecoderParts = {
    ...tinyParts,
    ...changes,
    ...(blocks && {
      blocks: typeof blocks === 'function' || 'parts' in blocks ? blocks : block({ ...tinyBlock, ...blocks }),
    }),
  };
  return createDecoder({ ...parts, device, weights: randomWeights(device, decoderParameters(parts)) });
}
