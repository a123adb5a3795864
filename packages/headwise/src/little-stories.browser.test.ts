import { createModel, createTokenizer, readJsonVocabulary, readSafetensors, stepOf } from '@headwise/models';
import { llama } from '@headwise/models/families/llama';
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
    const config = await (await fetch(configFile)).text();
    const weights = new Uint8Array(await (await fetch(weightsFile)).arrayBuffer());
    const tokenizer = createTokenizer(readJsonVocabulary(await (await fetch(vocabularyFile)).text()));
    const loaded = createModel(device, llama, config, readSafetensors(weights).tensors);
    if (loaded.kind !== 'decoder') throw new Error('a Llama is a decoder');
    const decoder = loaded.model;

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
