import {
  createTokenizer,
  type Decoder,
  loadModel,
  openCheckpoint,
  readJsonVocabulary,
  stepOf,
  urlFiles,
} from '@headwise/models';
import { families } from '@headwise/models/registry';
import { chain, generate, greedy } from '@headwise/sampling';
import { assertClose } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import weightsFile from '../assets/little-stories/model.safetensors?url';
import vocabularyFile from '../assets/little-stories/tokenizer.vocab.json?url';
import golden from '../golden/little-stories.json' with { type: 'json' };
import { openDevice } from './devices.ts';

it.each(['gpujs:webgl2', 'gpujs:webgpu', 'wasm'])(
  'the shipped model speaks on %s in a browser',
  async (name) => {
    const device = await openDevice(name);
    const folder = new URL('./', new URL(weightsFile, location.href));
    const checkpoint = await openCheckpoint(urlFiles(folder));
    const tokenizer = createTokenizer(readJsonVocabulary(await (await fetch(vocabularyFile)).text()));
    const { model, ids: special } = await loadModel(device, checkpoint, { families });
    const decoder = model as Decoder;
    expect(special.stop).toEqual([1, 2]);

    const { ids, last, atol } = golden.logits;
    using whole = decoder.start();
    using logits = whole.step(ids);
    assertClose(await logits.data(), last, { atol, rtol: 0 });

    const want = golden.greedy[3]!;
    using session = decoder.start();
    const run = await generate(stepOf(session), {
      prompt: tokenizer.encode(want.prompt),
      sampler: chain(greedy()),
      maxTokens: 24,
    }).finish();
    expect(run.ids).toEqual(want.generated_ids.slice(0, 24));
    expect(want.text.startsWith(tokenizer.decode([...want.prompt_ids, ...run.ids]))).toBe(true);
    device.dispose();
  },
);
