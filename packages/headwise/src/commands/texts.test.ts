import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileTensors, modelParameters, randomWeights, readConfig, writeSafetensors } from '@headwise/models';
import { families } from '@headwise/models/registry';
import { createReference } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { shippedModel } from '../load-model.ts';
import { headwise, json, temporaryFolder } from '../testing/run.ts';
import { goldenTensor, sharedFolder } from '../testing/shared.ts';

const tiny = sharedFolder('conformance/models/tiny');
const close = { atol: 2e-4, rtol: 1e-4 };
const of = (name: string): string => join(tiny!, name);

/** The tokens of the first row. */
const firstRow = (folder: string): number[] => {
  const ids = goldenTensor(folder, 'input.ids');
  return ids.slice(0, ids.length / 2);
};

/** A WordPiece of the 60 ids that the small encoders have. */
const tokenizer = join(temporaryFolder(), 'tokenizer.json');
const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'cat', 'sleeps', '##s', 'fell'];
const vocab = Object.fromEntries(Array.from({ length: 60 }, (_, id) => [words[id] ?? `word${id}`, id]));
writeFileSync(
  tokenizer,
  JSON.stringify({
    model: { type: 'WordPiece', vocab, unk_token: '[UNK]', continuing_subword_prefix: '##' },
    added_tokens: [2, 3, 4].map((id) => ({ id, content: words[id], special: true })),
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] },
    decoder: { type: 'WordPiece', prefix: '##' },
  }),
);

describe.skipIf(!tiny)('embed', () => {
  const model = of('distilbert-a/mlm');

  it('gives the mean of the tokens, of length 1, as transformers does', async () => {
    const ids = firstRow(of('distilbert-a'));
    const got = (await json(['embed', '--ids', ids.join(), '--model', model])) as { embeddings: number[][] };
    const both = goldenTensor(of('distilbert-a'), 'mean_pooled_normalized');
    assertClose(got.embeddings[0]!, both.slice(0, both.length / 2), close);
    expect(got).toMatchObject({ pooling: 'mean', normalized: true });
    const raw = (await json(['embed', '--ids', ids.join(), '--model', model, '--raw'])) as typeof got;
    const means = goldenTensor(of('distilbert-a'), 'mean_pooled');
    assertClose(raw.embeddings[0]!, means.slice(0, means.length / 2), close);
  });

  it('says how alike texts are', async () => {
    const texts = ['a cat', 'cats fell', 'a cat'];
    const argv = ['embed', ...texts, '--model', model, '--tokenizer', tokenizer];
    const got = (await json(argv)) as { similarities: number[][] };
    expect(got.similarities[0]![2]).toBeCloseTo(1, 5);
    expect(got.similarities[0]![1]).toBe(got.similarities[1]![0]);
    expect(got.similarities[0]![1]).toBeLessThan(0.999);
    const { out, code } = await headwise([...argv, '--pooling', 'first']);
    expect(code).toBe(0);
    expect(out.split('\n')[1]).toMatch(/^cats fell {2}-?[\d.]+ 1\.0000 -?[\d.]+ {2}\[/);
  });

  it('reads texts beyond the context in pieces', async () => {
    const argv = ['embed', '--model', model, '--tokenizer', tokenizer, '--raw'];
    const vectors = async (...more: string[]): Promise<number[][]> =>
      ((await json([...argv, ...more])) as { embeddings: number[][] }).embeddings;
    const words = Array.from({ length: 90 }, (_, i) => ['a', 'cat', 'sleeps', 'fell'][i % 4]!);
    expect((await headwise([...argv, words.join(' ')])).err).toContain('--long reads it in pieces');
    const [context] = /context is (\d+)/
      .exec((await headwise([...argv, words.join(' ')])).err)!
      .slice(1)
      .map(Number);
    const room = context! - 2;
    const [head] = await vectors(words.join(' '), '--long', 'head');
    const [same] = await vectors(words.slice(0, room).join(' '));
    assertClose(head!, same!, close);
    const [tail] = await vectors(words.join(' '), '--long', 'tail');
    assertClose(tail!, (await vectors(words.slice(-room).join(' ')))[0]!, close);
    const [short] = await vectors('a cat', '--long', 'chunks');
    assertClose(short!, (await vectors('a cat'))[0]!, close);
    const step = room - Math.floor(room / 8);
    const pieces = await vectors(
      ...[0, 1, 2]
        .map((n) => words.slice(n * step, n * step + room).join(' '))
        .filter((piece) => piece !== ''),
    );
    const [chunks] = await vectors(words.slice(0, 2 * step + room).join(' '), '--long', 'chunks');
    const mean = chunks!.map((_, i) => (pieces[0]![i]! + pieces[1]![i]! + pieces[2]![i]!) / 3);
    assertClose(chunks!, mean, close);
  });

  it.each([
    [['a', '--long', 'middle'], 2, '--long must be one of head, tail, ends, chunks, got "middle"'],
    [[], 2, 'embed needs a text, or --ids'],
    [['a', '--pooling', 'sum'], 2, '--pooling must be one of mean, first, max, got "sum"'],
    [['a', '--ids', '1'], 2, 'texts and --ids say the same thing'],
    [['--ids', '60'], 1, 'ids: ids[0] must be a whole number from 0 to 59'],
    [['--ids', Array(99).fill(5).join()], 2, 'text 1 has 99 tokens, the model’s context is '],
    [['a'], 2, 'no tokenizer of 60 pieces lies beside'],
  ])('refuses %j', async (more, want, message) => {
    const { code, err } = await headwise(['embed', ...more, '--model', model]);
    expect(err).toContain(message);
    expect(code).toBe(want);
  });
});

describe.skipIf(!tiny)('classify', () => {
  it('gives the classes that transformers does', async () => {
    const folder = of('distilbert-a');
    const argv = ['classify', '--ids', firstRow(folder).join(), '--model', join(folder, 'cls')];
    const { results } = (await json(argv)) as {
      results: [{ choices: { label: string; logit: number; probability: number }[] }];
    };
    const all = goldenTensor(folder, 'cls.logits');
    const want = all.slice(0, all.length / 2);
    const { choices } = results[0];
    const byLabel = want.map((_, i) => choices.find(({ label }) => label === `LABEL_${i}`)!);
    assertClose(
      byLabel.map(({ logit }) => logit),
      want,
      close,
    );
    const sum = want.reduce((total, value) => total + Math.exp(value), 0);
    assertClose(
      byLabel.map(({ probability }) => probability),
      want.map((value) => Math.exp(value) / sum),
      close,
    );
    expect(choices[0]!.logit).toBe(Math.max(...choices.map(({ logit }) => logit)));
  });

  it('says what stands at a mask', async () => {
    const argv = ['classify', 'a [MASK] sleeps', '--model', of('distilbert-a/mlm'), '--tokenizer', tokenizer];
    const { results } = (await json([...argv, '--top', '2'])) as {
      results: [
        { ids: number[]; tokens: { position: number; token: string; choices: { label: string }[] }[] },
      ];
    };
    expect(results[0].ids).toEqual([2, 5, 4, 7, 3]);
    expect(results[0].tokens).toMatchObject([{ position: 2, token: '[MASK]' }]);
    expect(results[0].tokens[0]!.choices).toHaveLength(2);
    const { out } = await headwise(argv);
    expect(out).toMatch(/^a \[MASK\] sleeps {2}2 \[MASK\] {2}.* %, .* %\n$/);
    argv[1] = 'a cat';
    expect((await headwise(argv)).err).toContain('write [MASK] into the text');
  });

  it('reads two texts as one', async () => {
    const argv = [
      'classify',
      'a cat',
      '--pair',
      'fell',
      '--model',
      of('bert-a/cls'),
      '--tokenizer',
      tokenizer,
    ];
    const { results } = (await json(argv)) as { results: [{ ids: number[] }] };
    expect(results[0].ids).toEqual([2, 5, 6, 3, 9, 3]);
  });
});

describe.skipIf(!tiny)('translate', () => {
  interface Translated {
    readonly results: [{ generated_ids: number[]; score?: number; reason: string }];
  }
  const translated = async (name: string, ...more: string[]): Promise<Translated> => {
    const argv = ['translate', '--ids', firstRow(of(name)).join(), '--model', of(name), '--max-tokens', '24'];
    return (await json([...argv, ...more])) as unknown as Translated;
  };

  it.each(['t5-a', 'bart-a', 'marian-a'])('writes the greedy ids and beams of %s', async (name) => {
    const greedy = await translated(name);
    expect(greedy.results[0].generated_ids).toEqual(goldenTensor(of(name), 'greedy.ids').slice(1));
    const { generate } = JSON.parse(readFileSync(join(of(name), 'golden.json'), 'utf8')) as {
      generate: { beam: { ids: number[]; score: number } };
    };
    const beams = await translated(name, '--beams', '4');
    expect(beams.results[0].generated_ids).toEqual(generate.beam.ids.slice(1));
    expect(beams.results[0].score).toBeCloseTo(generate.beam.score, 3);
  });

  it('tells ids where there is no tokenizer, and stops where it is interrupted', async () => {
    const argv = ['translate', '--ids', '5,6', '--model', of('t5-a'), '--max-tokens', '3'];
    expect((await headwise(argv)).out).toMatch(/^\d+ \d+ \d+\n$/);
    const { code } = await headwise(argv, { signal: AbortSignal.abort(new Error('interrupted')) });
    expect(code).toBe(130);
  });
});

describe('a BART that classifies', () => {
  const folder = join(temporaryFolder(), 'bart');
  const config = {
    model_type: 'bart',
    architectures: ['BartForSequenceClassification'],
    id2label: { 0: 'bad', 1: 'so so', 2: 'good' },
    vocab_size: 20,
    d_model: 16,
    encoder_layers: 1,
    decoder_layers: 1,
    encoder_attention_heads: 2,
    decoder_attention_heads: 4,
    encoder_ffn_dim: 24,
    decoder_ffn_dim: 28,
    max_position_embeddings: 24,
  };
  const argv = ['--ids', '0,5,6,2', '--model', folder, '--device', 'reference'];

  beforeAll(async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    const family = families.bart!;
    const weights = randomWeights(createReference(), modelParameters(readConfig(family, config).model));
    const tensors = await fileTensors(family, config, weights);
    writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(tensors));
  });

  it('tells the classes of a text', async () => {
    const { results } = (await json(['classify', ...argv])) as {
      results: [{ choices: { label: string; probability: number }[] }];
    };
    const { choices } = results[0];
    expect(choices.map(({ label }) => label).sort()).toEqual(['bad', 'good', 'so so']);
    expect(choices.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 4);
  });

  it('translates nothing', async () => {
    const { code, err } = await headwise(['translate', ...argv]);
    expect(code).toBe(2);
    expect(err).toContain('has a classifier, and writes nothing: headwise classify');
  });
});

it.each([
  ['embed', 'an encoder'],
  ['classify', 'an encoder'],
  ['translate', 'an encoder with a decoder'],
])('%s says what a decoder is for', async (command, wanted) => {
  const { code, err } = await headwise([command, 'a', '--model', shippedModel, '--device', 'reference']);
  expect(code).toBe(2);
  expect(err).toContain(`${command} needs ${wanted}; `);
  expect(err).toContain('is a decoder (Llama), for headwise generate');
  expect((await headwise([command, 'a'])).err).toContain(`${command} needs a --model`);
});
