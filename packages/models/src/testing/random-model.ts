import { createReference } from '@headwise/tensor';
import { createDecoder } from '../decoder.ts';
import { type Family, modelParameters, readConfig } from '../family.ts';
import { randomWeights } from '../random-weights.ts';

/**
 * Logits `[L, V]` of a decoder that a `config.json` describes, with weights that follow from their names and shapes
 * alone: two files that mean the same model give the same numbers.
 */
export async function logitsOfConfig(family: Family, json: object, ids: readonly number[]) {
  const { model } = readConfig(family, json);
  if (model.kind !== 'decoder') throw new Error(`${family.name} is no decoder`);
  const device = createReference();
  const weights = randomWeights(device, modelParameters(model));
  using decoder = createDecoder({ ...model.parts, device, weights });
  using session = decoder.start({ capacity: ids.length });
  return Array.from(await session.forward(ids).data());
}
