import {
  createLlama,
  createTokenizer,
  readJsonVocabulary,
  readLlamaConfig,
  readSafetensors,
  stepOf,
} from '@headwise/models';
import { chain, generate, greedy } from '@headwise/sampling';
import { assertClose } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import configFile from '../assets/little-stories/config.json?url';
import weightsFile from '../assets/little-stories/model.safetensors?url';
import vocabularyFile from '../assets/little-stories/tokenizer.vocab.json?url';
import golden from '../golden/little-stories.json' with { type: 'json' };
import { openDevice } from './devices.ts';

it.each(['gpujs:webgl2', 'gpujs:webgpu', 'wasm'])(
  'the shipped model speaks on %s in a browser',
  async (name) => {
    const device = await openDevice(name);
    const config = readLlamaConfig(await (await fetch(configFile)).json());
    const weights = new Uint8Array(await (await fetch(weightsFile)).arrayBuffer());
    const tokenizer = createTokenizer(readJsonVocabulary(await (await fetch(vocabularyFile)).text()));
    const decoder = createLlama(device, config, readSafetensors(weights).tensors);

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
