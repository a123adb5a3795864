import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  fileTensors,
  modelParameters,
  randomWeights,
  readConfig,
  readSafetensors,
  writeSafetensors,
} from '@headwise/models';
import { families } from '@headwise/models/registry';
import { createReference } from '@headwise/tensor';
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

it('trains an encoder with a decoder, and translate loads what it wrote', async () => {
  const cwd = temporaryFolder();
  const config = {
    model: {
      model_type: 'transformer',
      hidden_size: 16,
      num_attention_heads: 2,
      intermediate_size: 16,
      encoder_layers: 1,
      decoder_layers: 1,
    },
    data: { task: 'reversal', length: 3, symbols: 3 },
    steps: 120,
    optimizer: { name: 'muon', decay: 0 },
    rate: { peak: 0.02, warmup: 10 },
    evaluate: { batches: 1 },
    out: 'run',
  };
  writeFileSync(join(cwd, 'digits.json'), JSON.stringify(config));
  const trained = await json(['train', 'digits.json'], { cwd });
  expect(trained.evaluation as number).toBeLessThan(0.3);
  // the mark begins a text and ends it
  const said = await json(['translate', '--model', 'run/model', '--ids', '0,2,1'], { cwd });
  expect(JSON.stringify(said)).toContain('[1,2,0,3]');

  const wrong = async (change: object): Promise<string> => {
    writeFileSync(join(cwd, 'wrong.json'), JSON.stringify({ ...config, ...change, out: 'wrong' }));
    return (await headwise(['train', 'wrong.json'], { cwd })).err;
  };
  writeFileSync(join(cwd, 'text.txt'), 'a text');
  expect(await wrong({ data: { text: 'text.txt' } })).toContain(
    'a Transformer reads one text and writes another: from nothing it learns the task "reversal"',
  );
  expect(await wrong({ model: { ...config.model, vocab_size: 3 } })).toContain(
    'vocab_size 3 must be at least 4, the ids of the data',
  );
  expect(await wrong({ model: { ...config.model, max_position_embeddings: 3 } })).toContain(
    'max_position_embeddings 3 must be at least 4, a row of the data',
  );
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
  expect((await headwise(['train'], { cwd })).err).toContain(
    'give a file, or --example NAME (reversal, transformer)',
  );
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

const wordpiece = {
  version: '1.0',
  added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]'].map((content, id) => ({ id, content, special: true })),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
    ],
    pair: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
      { Sequence: { id: 'B', type_id: 1 } },
      { SpecialToken: { id: '[SEP]', type_id: 1 } },
    ],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
    },
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(
      ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'good', 'bad', 'film', 'the', 'was', 'so', ',', '"'].map(
        (word, id) => [word, id],
      ),
    ),
  },
};

/** A BERT that has seen nothing, with its tokenizer. */
async function tinyBert(folder: string): Promise<void> {
  const json = {
    model_type: 'bert',
    vocab_size: 13,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 24,
    max_position_embeddings: 16,
  };
  const family = families.bert!;
  const weights = randomWeights(createReference(), modelParameters(readConfig(family, json).model), {
    seed: 4,
  });
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'model.safetensors'),
    writeSafetensors(await fileTensors(family, json, weights)),
  );
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...json, architectures: ['BertModel'] }));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(wordpiece));
}

const opinions = Array.from({ length: 60 }, (_, i) => ({
  text: `${['the film was', 'a film, so', 'so'][i % 3]} ${i % 2 ? 'good' : 'bad'}`,
  label: i % 2 ? 'liked' : 'disliked',
}));

it.each(['csv', 'jsonl'])(
  'fine-tunes an encoder on a .%s of texts with labels, and classify loads what it wrote',
  async (kind) => {
    const cwd = temporaryFolder();
    await tinyBert(join(cwd, 'bert'));
    const content =
      kind === 'csv'
        ? `id,review,opinion\n${opinions.map(({ text, label }, i) => `${i},"${text}",${label}`).join('\r\n')}\n`
        : opinions.map(({ text, label }) => JSON.stringify({ review: text, opinion: label })).join('\n');
    writeFileSync(join(cwd, `reviews.${kind}`), content);
    const config = {
      from: 'bert',
      data: { examples: `reviews.${kind}`, text: 'review', label: 'opinion', length: 12 },
      batch: 12,
      steps: 40,
      rate: { peak: 0.01, warmup: 2 },
      out: 'tuned',
    };
    writeFileSync(join(cwd, 'train.json'), JSON.stringify(config));
    const trained = await headwise(['train', 'train.json'], { cwd });
    expect(trained.err).toContain('right 100.0 %');
    const said = await json(['classify', 'the film was so good', 'so bad', '--model', 'tuned/model'], {
      cwd,
    });
    const results = said.results as { choices: { label: string }[] }[];
    expect(results.map(({ choices }) => choices[0]!.label)).toEqual(['liked', 'disliked']);
  },
);

it('trains on tokens of a tokenizer, document by document, and goes on from a model', async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'text.txt'), 'the film was good\n\na bad film\n\n'.repeat(60));
  writeFileSync(join(cwd, 'words.json'), JSON.stringify(wordpiece));
  const data = { text: 'text.txt', length: 12, tokenizer: 'words.json', documents: '\n\n' };
  const config = {
    model: { ...model, vocab_size: 13 },
    data,
    batch: 4,
    steps: 40,
    rate: { peak: 0.02, warmup: 2 },
    out: 'a',
  };
  writeFileSync(join(cwd, 'a.json'), JSON.stringify(config));
  const first = await headwise(['train', 'a.json'], { cwd });
  expect(first.err).toContain('108 documents in rows of 12');
  const more = {
    from: 'a/model',
    data: { ...data, tokenizer: undefined },
    batch: 4,
    steps: 5,
    rate: { peak: 0.001, warmup: 1 },
    out: 'b',
  };
  writeFileSync(join(cwd, 'b.json'), JSON.stringify(more));
  const second = await json(['train', 'b.json'], { cwd });
  expect(second.evaluation as number).toBeLessThan(0.7);
  const said = await json(['generate', '--model', 'b/model', '--prompt', 'a bad', '--max-tokens', '1'], {
    cwd,
  });
  expect(said.generated_ids).toHaveLength(1);
});

it('says what is wrong with examples, by line', async () => {
  const cwd = temporaryFolder();
  await tinyBert(join(cwd, 'bert'));
  const run = async (name: string, content: string, change: object = {}): Promise<string> => {
    writeFileSync(join(cwd, name), content);
    writeFileSync(
      join(cwd, 'c.json'),
      JSON.stringify({ from: 'bert', data: { examples: name }, steps: 2, out: 'c', ...change }),
    );
    return (await headwise(['train', 'c.json'], { cwd })).err;
  };
  expect(await run('a.jsonl', '{"text":"good","label":1}\n{"text":"bad"}')).toContain(
    'line 2 must have a text "text" and a label "label", it has text',
  );
  expect(await run('b.jsonl', 'good')).toContain('line 1 must be a JSON object');
  expect(await run('c.csv', 'text,label\n"good,1')).toContain(
    'the text that begins in line 2 has no closing quote',
  );
  expect(await run('d.csv', 'text,label\ngood,1\nbad,1')).toContain(
    'it has 1 classes in 2 examples; there must be two',
  );
  expect(await run('e.csv', 'text,label\n', { from: undefined, model })).toContain(
    'from must be a folder with an encoder',
  );
});
