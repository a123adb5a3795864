import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { createModel, type Family } from '../family.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bytesOf, jsonOf, sharedFolder } from '../testing/shared.ts';
import { mt5 } from './mt5.ts';
import { t5 } from './t5.ts';

const folder = sharedFolder('conformance/models/tiny/t5-c');

async function logitsOf(family: Family, json: object): Promise<Float32Array> {
  const { tensors } = readSafetensors(bytesOf(folder!, 'model.safetensors'));
  const { kind, model } = createModel(createReference(), family, json, tensors);
  if (kind !== 'encoder-decoder') throw new Error('no encoder-decoder');
  return model
    .start([[5, 6, 7, 1]], { capacity: 4 })
    .step([[0, 3]])
    .data();
}

it.skipIf(!folder).each([true, false])(
  'computes what a T5 1.1 of its weights does, tied: %s',
  async (tied) => {
    const { scale_decoder_outputs: scaled, ...json } = jsonOf<Record<string, unknown>>(
      folder!,
      'config.json',
    );
    expect(scaled).toBe(false);
    const own = {
      model_type: 'mt5',
      architectures: ['MT5ForConditionalGeneration'],
      tie_word_embeddings: tied,
    };
    const want = await logitsOf(t5, { ...json, scale_decoder_outputs: scaled });
    expect(await logitsOf(mt5, { ...json, ...own })).toEqual(want);
  },
);
