import { existsSync } from 'node:fs';
import type { Device } from '@headwise/tensor';
import { decoderOutputs } from '../conformance/decoder-golden.ts';
import { encoderDecoderOutputs, type ForcedIds } from '../conformance/encoder-decoder-golden.ts';
import { encoderOutputs } from '../conformance/encoder-golden.ts';
import { Golden, type GoldenOutput } from '../conformance/golden.ts';
import { createModel, type Family, type Model, readConfig, type SpecialIds } from '../family.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bytesOf, jsonOf } from './shared.ts';

/** Devices that every family is compared on. */
export const goldenDevices = ['reference', 'wasm', 'gpujs:webasm'] as const;

/** Where a folder has its checkpoints: an encoder stands there once with each head, anything else by itself. */
export function headsOf(folder: URL): readonly string[] {
  const heads = ['mlm/', 'cls/'].filter((head) => existsSync(new URL(head, folder)));
  return heads.length > 0 ? heads : [''];
}

/** Everything that the golden data of a folder say of one of its checkpoints, beside what a device makes of it. */
export async function* goldenOutputs(
  family: Family,
  folder: URL,
  { head, device }: { readonly head: string; readonly device: Device },
): AsyncGenerator<GoldenOutput> {
  const { tensors } = readSafetensors(bytesOf(folder, `${head}model.safetensors`));
  const golden = new Golden(
    jsonOf(folder, 'golden.json'),
    readSafetensors(bytesOf(folder, 'golden.safetensors')),
  );
  const config = bytesOf(folder, `${head}config.json`);
  const loaded = createModel(device, family, config, tensors);
  const { ids } = readConfig(family, config);
  const generation = existsSync(new URL('generation_config.json', folder))
    ? jsonOf<ForcedIds>(folder, 'generation_config.json')
    : {};
  yield* outputsOf(loaded, golden, ids, generation);
  loaded.model.dispose();
}

function outputsOf(
  model: Model,
  golden: Golden,
  ids: SpecialIds,
  generation: ForcedIds,
): AsyncGenerator<GoldenOutput> {
  switch (model.kind) {
    case 'decoder':
      return decoderOutputs(model.model, golden);
    case 'encoder':
      return encoderOutputs(model.model, golden);
    case 'encoder-decoder':
      return encoderDecoderOutputs(model.model, golden, ids, generation);
  }
}

/** The largest difference of one output from what it must be; 0 for ids that are the same. Never throws. */
export function errorOf({ got, want }: GoldenOutput): number {
  return Array.from(want).reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0);
}
