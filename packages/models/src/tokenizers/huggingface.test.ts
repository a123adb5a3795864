import { readdirSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { jsonOf, sharedFolder } from '../testing/shared.ts';
import { createHuggingFaceTokenizer } from './huggingface.ts';

interface Golden {
  readonly texts: readonly {
    readonly text: string;
    readonly ids: number[];
    readonly ids_without_special: number[];
    readonly decoded: string;
  }[];
  readonly pairs: readonly {
    readonly text: string;
    readonly pair: string;
    readonly ids: number[];
    readonly type_ids: number[];
  }[];
}

const tiny = sharedFolder('conformance/models/tiny');
const folders = tiny ? readdirSync(tiny).filter((name) => name.startsWith('tokenizer_')) : [];

describe.skipIf(!tiny).each(folders)('%s, as the reference library of Hugging Face', (name) => {
  const folder = new URL(`${name}/`, tiny);
  const tokenizer = createHuggingFaceTokenizer({ Tokenizer, json: jsonOf(folder, 'tokenizer.json') });
  const golden = jsonOf<Golden>(folder, 'golden.json');

  it('encodes and decodes', () => {
    expect(golden.texts.length).toBeGreaterThan(5);
    for (const { text, ids, ids_without_special, decoded } of golden.texts) {
      expect(tokenizer.encode(text), text).toEqual(ids);
      expect(tokenizer.encode(text, { special: false }), text).toEqual(ids_without_special);
      expect(tokenizer.decode(ids), text).toBe(decoded);
      const stream = tokenizer.stream();
      expect(ids.map((id) => stream.push(id)).join('') + stream.end(), text).toBe(decoded);
    }
  });

  it('puts two texts together', () => {
    for (const { text, pair, ids, type_ids } of golden.pairs)
      expect(tokenizer.encodePair!(text, pair), pair).toEqual({ ids, types: type_ids });
  });
});

const bpe = {
  model: {
    type: 'BPE',
    vocab: { a: 0, b: 1, ab: 2 } as Record<string, unknown>,
    merges: [['a', 'b']] as unknown,
  },
};
const make = (json: unknown, rows?: number) => createHuggingFaceTokenizer({ Tokenizer, json, rows });

it.each([
  ['nothing in it', {}],
  ['an unknown model', { model: { type: 'Mamba', vocab: {} } }],
  ['two pieces of one id', { model: { ...bpe.model, vocab: { a: 0, b: 1, ab: 1 } } }],
  ['an id that is none', { model: { ...bpe.model, vocab: { a: 0, b: -1, ab: 'x' } } }],
  ['a merge of pieces that are not there', { model: { ...bpe.model, merges: ['a b', 'b c', 'a'] } }],
  ['no merges', { model: { type: 'BPE', vocab: { a: 0 } } }],
  ['an unknown piece that is none', { model: { ...bpe.model, unk_token: '?' } }],
  ['dropout', { model: { ...bpe.model, dropout: 0.1 } }],
  ['scores that are no numbers', { model: { type: 'Unigram', unk_id: 0, vocab: [['a', null]] } }],
  ['an unknown id beyond', { model: { type: 'Unigram', unk_id: 7, vocab: [['a', 0]] } }],
  ['an added piece that contradicts', { ...bpe, added_tokens: [{ id: 5, content: 'a' }] }],
  ['a step that is not known', { ...bpe, normalizer: { type: 'Rot13' } }],
  [
    'a split that is not known',
    { ...bpe, pre_tokenizer: { type: 'Split', pattern: {}, behavior: 'Isolated' } },
  ],
  ['an expression that is none', { ...bpe, pre_tokenizer: { type: 'Split', pattern: { Regex: '(' } } }],
  [
    'a frame that contradicts',
    { ...bpe, post_processor: { type: 'BertProcessing', cls: ['a', 1], sep: ['b', 1] } },
  ],
  [
    'a template of what is not there',
    {
      ...bpe,
      post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }] },
    },
  ],
])('refuses a file with %s', (_, json) => {
  expect(() => make(json)).toThrowErrorMatchingSnapshot();
});

it('checks ids against the rows of the embedding table', () => {
  expect(() => make(bpe, 2)).toThrowErrorMatchingInlineSnapshot(
    `[FormatError: tokenizer.json: "ab" is 2, and the embedding table has 2 rows: this is another model's tokenizer]`,
  );
  const beyond = make({ ...bpe, added_tokens: [{ id: 9, content: '<image>', special: true }] }, 3);
  expect(beyond.size).toBe(3);
  expect(beyond.encode('ab')).toEqual([2]);
  expect(() => beyond.encode('ab<image>')).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: encode: id must be below 3, the rows of the embedding table, got 9]`,
  );
  expect(() => beyond.decode([9])).toThrow('decode: ids[0] must be a whole number from 0 to 2');
  expect(make(bpe, 8).decode([2, 7])).toBe('ab');
});

it('says what a vocabulary cannot write', () => {
  expect(make({ ...bpe, model: { ...bpe.model, unk_token: 'b' } }).encode('ac')).toEqual([0, 1]);
});

it('tells a text whose end hangs on what follows when it is sure', () => {
  // the mark of a word's end is a space, but at the end of the text
  const vocab = { lo: 0, 'w</w>': 1, 'x</w>': 2 };
  const json = { model: { type: 'BPE', vocab, merges: [] }, decoder: { type: 'BPEDecoder', suffix: '</w>' } };
  const tokenizer = make(json);
  expect(tokenizer.decode([0, 1, 2])).toBe('low x');
  const stream = tokenizer.stream();
  expect([0, 1, 2].map((id) => stream.push(id)).join('') + stream.end()).toBe('low x');
});
