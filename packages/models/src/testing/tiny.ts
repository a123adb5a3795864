import { configure, groupedQuery } from '@headwise/attention-variants';
import { rotary } from '@headwise/positional';
import type { Device } from '@headwise/tensor';
import { createDecoder, type Decoder, type DecoderParts, decoderParameters } from '../decoder.ts';
import { createSwiglu } from '../mlps.ts';
import { createRmsNorm } from '../norms.ts';
import { randomWeights } from '../random-weights.ts';

/** A decoder that takes milliseconds: 2 layers of width 16, 20 ids, 24 positions. */
export const tinyParts: DecoderParts = {
  shape: { V: 20, E: 16, H: 4, D: 4, layers: 2 },
  attention: configure(groupedQuery, { Hkv: 2 }),
  position: rotary(),
  norm: createRmsNorm(),
  mlp: createSwiglu({ F: 24 }),
  context: 24,
};

/** The same with random weights, and other parts where they are given. */
export function tinyDecoder(device: Device, changes: Partial<DecoderParts> = {}): Decoder {
  const parts = { ...tinyParts, ...changes };
  return createDecoder({ ...parts, device, weights: randomWeights(device, decoderParameters(parts)) });
}
