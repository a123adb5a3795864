import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '@headwise/models';
import { expect, it } from 'vitest';
import { headwise, json, temporaryFolder } from '../testing/run.ts';

const model = {
  model_type: 'llama',
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
};

it('trains an example, draws what it looks at, and goes on with the same command', async () => {
  const cwd = temporaryFolder();
  const first = await headwise(['train', '--example', 'reversal', '--steps', '30'], { cwd });
  expect(first.err).toContain('Llama, 18944 weights, on wasm; reversal of 6 of 10 symbols');
  expect(first.err).toMatch(/step 30: loss \d\.\d{4}, on what it has not seen/);
  expect(first.out).toMatch(/layer 0, head [01]\n/);
  expect(first.code).toBe(0);
  const page = readFileSync(join(cwd, 'runs/reversal/attention.html'), 'utf8');
  expect(page.match(/<figure>/g)).toHaveLength(4);
  const again = await json(['train', '--example', 'reversal', '--steps', '32'], { cwd });
  expect(again).toMatchObject({ step: 32, reason: 'steps', parameters: 18944, device: 'wasm' });
  const log = readFileSync(join(cwd, 'runs/reversal/log.jsonl'), 'utf8').trim().split('\n');
  expect(log.map((line) => JSON.parse(line).step)).toEqual(Array.from({ length: 32 }, (_, i) => i + 1));
  expect(log.at(-1)).toContain('"saved":true');
});

it('trains on the bytes of a text, and generate loads what it wrote', async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'text.txt'), 'the cat sat on the mat. '.repeat(60));
  const config = {
    model,
    data: { text: 'text.txt', length: 16 },
    batch: 8,
    steps: 60,
    rate: { schedule: 'wsd', peak: 0.02, warmup: 5 },
    average: 0.9,
    smoothing: 0.05,
    out: 'cat',
  };
  writeFileSync(join(cwd, 'cat.json'), JSON.stringify(config));
  const trained = await json(['train', 'cat.json'], { cwd });
  expect(trained.loss as number).toBeLessThan(2.5);
  const file = join(cwd, 'cat/model/model.safetensors');
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(file)));
  expect(tensors.get('model.embed_tokens.weight')!.shape).toEqual([259, 16]);
  const said = await json(['generate', '--model', 'cat/model', '--prompt', 'the c', '--max-tokens', '4'], {
    cwd,
  });
  expect(said.generated_ids).toHaveLength(4);
  expect(typeof said.generated_text).toBe('string');
});

it('lists everything that is wrong with a file, and says what it knows', async () => {
  const cwd = temporaryFolder();
  const wrong = {
    model,
    data: { task: 'sorting' },
    batch: 0,
    steps: 10,
    rate: { warmup: 10 },
    optimiser: {},
  };
  writeFileSync(join(cwd, 'wrong.json'), JSON.stringify(wrong));
  const { code, err } = await headwise(['train', 'wrong.json'], { cwd });
  expect(code).toBe(1);
  expect(err).toContain('data.task must be one of reversal, it is "sorting"');
  expect(err).toContain('batch must be a whole number ≥ 1, it is 0');
  expect(err).toContain('rate.warmup 10 must be below steps 10');
  expect(err).toContain('optimiser is unknown; known: steps, data, model');
  expect((await headwise(['train'], { cwd })).err).toContain('give a file, or --example NAME (reversal)');
  expect((await headwise(['train', '--example', 'chess'], { cwd })).err).toContain(
    'there is no example "chess"',
  );
  writeFileSync(join(cwd, 'other.json'), JSON.stringify({ model: { ...model, model_type: 'rnn' } }));
  expect((await headwise(['train', 'other.json'], { cwd })).err).toContain(
    'model_type rnn is unknown; known:',
  );
  writeFileSync(join(cwd, 'small.json'), JSON.stringify({ model: { ...model, vocab_size: 4 } }));
  expect((await headwise(['train', 'small.json'], { cwd })).err).toContain(
    'vocab_size 4 must be at least 11',
  );
});

it('is interrupted after a step, saved, and ends as one that was not', async () => {
  const cwd = temporaryFolder();
  writeFileSync(
    join(cwd, 'run.json'),
    JSON.stringify({ model, steps: 12, batch: 2, saveEvery: 3, out: 'a' }),
  );
  const calm = await json(['train', 'run.json', '--out', 'calm'], { cwd });
  const controller = new AbortController();
  controller.abort();
  const stopped = await json(['train', 'run.json'], { cwd, signal: controller.signal });
  expect(stopped).toMatchObject({ step: 0, reason: 'aborted' });
  const resumed = await json(['train', 'run.json'], { cwd });
  expect(resumed.loss).toBe(calm.loss);
});
