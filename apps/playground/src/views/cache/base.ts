import { configure, groupedQuery } from '@headwise/attention-variants';
import { buildWeights, type Checkpoint, decoderParameters, familyOf, readConfig } from '@headwise/models';
import { families } from '@headwise/models/registry';
import type { RotaryEncoding } from '@headwise/positional';
import { type Device, ValueError } from '@headwise/tensor';
import type { Base } from './decoder.ts';

/**
 * The parts and weights of a checkpoint, for other variants to be put in.
 *
 * @throws {FormatError} for a file that is damaged; {ValueError} for a model that is no decoder with grouped queries.
 */
export async function baseOf(device: Device, checkpoint: Checkpoint, signal?: AbortSignal): Promise<Base> {
  const family = familyOf(checkpoint.config, families);
  const { config, model } = readConfig(family, checkpoint.config);
  const { Hkv, positions } = config as { readonly Hkv?: number; readonly positions?: readonly unknown[] };
  if (model.kind !== 'decoder' || Hkv === undefined)
    throw new ValueError('cache', 'model', 'must be a decoder with grouped queries', family.title);
  const tensors = new Map<string, Awaited<ReturnType<Checkpoint['read']>>>();
  for (const name of checkpoint.tensors.keys()) tensors.set(name, await checkpoint.read(name, { signal }));
  const { parts } = model;
  const weights = buildWeights(device, decoderParameters(parts), tensors, family.weights(config), {
    copies: family.copies?.(config),
    unused: family.unused,
  });
  const position = positions?.[0] as RotaryEncoding | undefined;
  return { parts, weights, trained: configure(groupedQuery, { Hkv }), position };
}
