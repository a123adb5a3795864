import {
  chain,
  createSampler,
  createXorshift,
  draw,
  drawDescending,
  generate,
  greedy,
  temperature,
  topP,
} from '@headwise/sampling';
import { createDevice, type Device } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import type { Decoder } from './decoder.ts';
import { llama } from './families/llama.ts';
import { createModel } from './family.ts';
import { llama2cCheckpoint } from './formats/llama2c.ts';
import { readJsonVocabulary } from './formats/llama2c-tokenizer.ts';
import { numbersOf, readSafetensors } from './formats/safetensors.ts';
import { loadModel } from './load-model.ts';
import { stepOf } from './session.ts';
import { memorySource } from './sources/byte-sources.ts';
import { bytesOf, jsonOf, sharedFolder } from './testing/shared.ts';
import { createTokenizer } from './tokenizer.ts';

interface Run {
  readonly prompt: string;
  readonly prompt_ids: number[];
  readonly generated_ids: number[];
  readonly text: string;
}
interface Golden {
  readonly greedy: (Run & { readonly name: string })[];
  readonly sampled: { readonly cases: (Run & { temperature: number; topp: number; seed: number })[] };
}

// texts of hundreds of tokens are most of a minute: all of them where there is time, their beginnings where there is not
const long = process.env.HEADWISE_LONG === '1';
const FIRST = 24;

const shared = sharedFolder('conformance/models/stories260K');

describe.skipIf(!shared)('stories260K, as karpathy/llama2.c runs it', () => {
  const folder = shared!;
  const load = (device: Device): Decoder =>
    createModel(
      device,
      llama,
      bytesOf(folder, 'config.json'),
      readSafetensors(bytesOf(folder, 'model.safetensors')).tensors,
    ).model as Decoder;
  const idsOf = (file: ReturnType<typeof readSafetensors>, name: string): number[] =>
    Array.from(numbersOf(file.tensors.get(name)!));
  const floats = (file: ReturnType<typeof readSafetensors>, name: string): Float32Array =>
    file.tensors.get(name)!.data as Float32Array;

  describe.each(['reference', 'gpujs:webasm', 'gpujs:cpu'])('on %s', (name) => {
    it('generates the same ids and text at temperature 0', async () => {
      const decoder = load(await createDevice(name));
      const tokenizer = createTokenizer(
        readJsonVocabulary(new TextDecoder().decode(bytesOf(folder, 'tok512.vocab.json'))),
      );
      const { greedy: runs } = jsonOf<Golden>(folder, 'golden.json');
      expect(runs.length).toBeGreaterThan(6);
      for (const { name: what, prompt, prompt_ids, generated_ids, text } of runs) {
        // one text that the model ends by itself, to its end
        const maxTokens = long || what === 'dog' ? generated_ids.length : FIRST;
        const wanted = generated_ids.slice(0, maxTokens);
        using session = decoder.start();
        const { ids } = await generate(stepOf(session), {
          prompt: tokenizer.encode(prompt),
          sampler: chain(greedy()),
          maxTokens,
          stopIds: [1, 2],
        }).finish();
        expect(tokenizer.encode(prompt), what).toEqual(prompt_ids);
        expect(ids, what).toEqual(wanted);
        expect(tokenizer.decode([...prompt_ids, ...generated_ids]), what).toBe(text);
      }
      expect(decoder.device.ran).toBe(name.split(':').at(-1));
    });

    it('computes the same logits at every position', async () => {
      const decoder = load(await createDevice(name));
      const file = readSafetensors(bytesOf(folder, 'golden_logits.safetensors'));
      const names = [...file.tensors.keys()].flatMap((key) => key.match(/^(.+)\.logits$/)?.[1] ?? []);
      expect(names.length).toBe(8);
      for (const what of names) {
        using session = decoder.start();
        const logits = await session.forward(idsOf(file, `${what}.input_ids`)).data();
        assertClose(logits, floats(file, `${what}.logits`), { atol: 1e-4, rtol: 0 });
      }
    });

    it('computes the whole context of 512 ids in chunks', async () => {
      const decoder = load(await createDevice(name));
      const file = readSafetensors(bytesOf(folder, 'golden_long.safetensors'));
      const ids = idsOf(file, 'input_ids');
      const got = new Float32Array(512 * 512); // [positions, V]
      using session = decoder.start();
      for (let at = 0; at < 512; at += 200) {
        const logits = session.forward(ids.slice(at, at + 200));
        got.set(await logits.data(), at * 512);
        logits.dispose();
      }
      const chosen = idsOf(file, 'positions').flatMap((p) => [...got.subarray(p * 512, (p + 1) * 512)]);
      assertClose(chosen, floats(file, 'logits'), { atol: 5e-4, rtol: 0 });
      assertClose(chosen, floats(file, 'logits_float64'), { atol: 1e-4, rtol: 0 });
      const losses = ids.slice(1).map((id, p) => {
        const row = got.subarray(p * 512, (p + 1) * 512);
        return Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[id]!;
      });
      assertClose(losses, floats(file, 'nll'), { atol: 1e-4, rtol: 0 });
      expect(() => session.step([1])).toThrow('must be at most 0 tokens');
    });
  });

  it('gives the same logits from the original .bin', async () => {
    const device = await createDevice('reference');
    const checkpoint = await llama2cCheckpoint(memorySource(bytesOf(folder, 'stories260K.bin')));
    const loaded = await loadModel(device, checkpoint, { families: { llama } });
    expect(loaded.ids.stop).toEqual([1, 2]);
    const ids = jsonOf<Golden>(folder, 'golden.json').greedy[0]!.generated_ids.slice(0, 64);
    const original = loaded.model as Decoder;
    assertClose(await original.start().forward(ids).data(), await load(device).start().forward(ids).data(), {
      atol: 1e-6,
      rtol: 1e-6,
    });
  });

  it('draws the same ids as run.c from its own generator', async () => {
    const decoder = load(await createDevice('reference'));
    const { cases } = jsonOf<Golden>(folder, 'golden.json').sampled;
    expect(cases.length).toBeGreaterThan(3);
    for (const { prompt_ids, generated_ids, topp, seed, temperature: t } of cases) {
      const wanted = long ? generated_ids : generated_ids.slice(0, FIRST);
      using session = decoder.start();
      const choice =
        topp <= 0 || topp >= 1
          ? chain(temperature(t), draw())
          : chain(temperature(t), topP(topp), drawDescending());
      const { ids } = await generate(stepOf(session), {
        prompt: prompt_ids,
        sampler: createSampler(choice, { random: createXorshift(seed) }),
        maxTokens: wanted.length,
        stopIds: [1],
      }).finish();
      expect(ids).toEqual(wanted);
    }
  });
});
