import { createReference } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import type { Decoder } from '../decoder.ts';
import { llama } from '../families/llama.ts';
import { loadModel } from '../load-model.ts';
import { memorySource } from '../sources/byte-sources.ts';
import { checkpoint, json, llamaOf, toLlama2c } from '../testing/checkpoint.ts';
import { llama2cCheckpoint } from './llama2c.ts';

const ids = [3, 1, 4, 1, 5, 9, 2, 6];

it.each([true, false])(
  'gives the logits of the same model from Hugging Face’s files (tied: %s)',
  async (tied) => {
    const device = createReference();
    const own = { ...json, tie_word_embeddings: tied };
    const tensors = checkpoint(own);
    const file = await llama2cCheckpoint(memorySource(toLlama2c(tensors, tied)));
    const { bos_token_id, eos_token_id, ...sizes } = own;
    expect(file.config).toMatchObject({ ...sizes, eos_token_id: [1, 2] });
    expect([...file.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
    const want = await llamaOf(device, own, tensors).start().step(ids).data();
    const { model } = await loadModel(device, file, { families: { llama } });
    assertClose(await (model as Decoder).start().step(ids).data(), want);
  },
);

it.each([
  ['a cut header', (file: Uint8Array) => file.subarray(0, 20)],
  ['a cut file', (file: Uint8Array) => file.subarray(0, -4)],
  ['a file that is too long', (file: Uint8Array) => Uint8Array.of(...file, 0, 0, 0, 0)],
  ['a later version', (file: Uint8Array) => withWord(file, 0, 0x616b3432)],
  ['a vocabulary without its ends', (file: Uint8Array) => withWord(file, 5, 2)],
  ['a context of zero', (file: Uint8Array) => withWord(file, 6, 0)],
  ['a size below 1', (file: Uint8Array) => withWord(file, 2, -3)],
  ['heads that do not divide', (file: Uint8Array) => withWord(file, 3, 5)],
])('refuses a file with %s', async (_, change) => {
  const source = memorySource(change(toLlama2c(checkpoint(), true)));
  await expect(llama2cCheckpoint(source)).rejects.toThrowErrorMatchingSnapshot();
});

function withWord(file: Uint8Array, index: number, word: number): Uint8Array {
  const copy = file.slice();
  new DataView(copy.buffer).setInt32(4 * index, word, true);
  return copy;
}
