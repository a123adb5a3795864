import { createReference } from '@headwise/tensor';
import type { Encoder } from '../encoder.ts';
import { createModel, type Family } from '../family.ts';
import { type HostTensor, readSafetensors } from '../formats/safetensors.ts';
import { bytesOf, jsonOf } from './shared.ts';

/** How a golden checkpoint is changed before it is read. */
export interface EncoderChanges {
  readonly model_type?: string | undefined;
  /** Of its architectures. */
  readonly rename?: ((name: string) => string) | undefined;
  readonly architectures?: readonly string[] | undefined;
  readonly tensors?: ((tensors: Map<string, HostTensor>) => void) | undefined;
}

/** A golden encoder of a folder and a head, as a family reads it. */
export function encoderOf(
  family: Family,
  folder: URL,
  head: string,
  { model_type, rename = (name) => name, architectures, tensors: change }: EncoderChanges = {},
): Encoder {
  const json = jsonOf<{ architectures: string[] }>(folder, `${head}/config.json`);
  const tensors = new Map(readSafetensors(bytesOf(folder, `${head}/model.safetensors`)).tensors);
  change?.(tensors);
  const config = {
    ...json,
    architectures: architectures ?? json.architectures.map(rename),
    ...(model_type !== undefined && { model_type }),
  };
  const { kind, model } = createModel(createReference(), family, config, tensors);
  if (kind !== 'encoder') throw new Error(`${family.name} is no encoder`);
  return model;
}
