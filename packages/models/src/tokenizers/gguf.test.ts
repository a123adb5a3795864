import { describe, expect, it } from 'vitest';
import golden from '../../golden/words.json' with { type: 'json' };
import { jsonOf, sharedFolder } from '../testing/shared.ts';
import { createGgufTokenizer } from './gguf.ts';
import { wordRules, wordsOf } from './gguf-words.ts';

interface File {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: [string, string][] };
  readonly added_tokens: { readonly id: number; readonly content: string }[];
}
interface Golden {
  readonly texts: { readonly text: string; readonly ids: number[]; readonly decoded: string }[];
}

/** What a GGUF file would say of a tokenizer.json. */
function metadataOf({ model, added_tokens }: File, more: Record<string, unknown>): Map<string, unknown> {
  const tokens: string[] = [];
  for (const [piece, id] of Object.entries(model.vocab)) tokens[id] = piece;
  for (const { id, content } of added_tokens) tokens[id] = content;
  const special = new Set(added_tokens.map(({ id }) => id));
  const type = tokens.map((piece, id) => (special.has(id) ? 3 : /^<0x..>$/.test(piece) ? 6 : 1));
  return new Map(
    Object.entries({ tokens, token_type: Int32Array.from(type), ...more }).map(([key, value]) => [
      `tokenizer.ggml.${key}`,
      value,
    ]),
  );
}

const merges = ({ model }: File): string[] => model.merges.map((pair) => pair.join(' '));

const tiny = sharedFolder('conformance/models/tiny');
describe.skipIf(!tiny)('as the reference library of Hugging Face', () => {
  const cases: [string, (file: File) => Record<string, unknown>][] = [
    ['tokenizer_gpt2', (file) => ({ model: 'gpt2', pre: 'gpt-2', merges: merges(file) })],
    [
      'tokenizer_llama3',
      (file) => ({ model: 'gpt2', pre: 'llama-bpe', merges: merges(file), bos_token_id: 420 }),
    ],
    [
      'tokenizer_llama',
      ({ model }) => ({
        model: 'llama',
        // the piece of an earlier merge scores better
        scores: Object.entries(model.vocab)
          .sort((a, b) => a[1] - b[1])
          .map(([piece]) => -1 - (model.merges.findIndex((pair) => pair.join('') === piece) + 1 || 1e6)),
        bos_token_id: 1,
        eos_token_id: 2,
        unknown_token_id: 0,
      }),
    ],
  ];
  it.each(cases)('%s', (name, more) => {
    const folder = new URL(`${name}/`, tiny);
    const file = jsonOf<File>(folder, 'tokenizer.json');
    const tokenizer = createGgufTokenizer(metadataOf(file, more(file)));
    let count = 0;
    for (const { text, ids, decoded } of jsonOf<Golden>(folder, 'golden.json').texts) {
      // llama.cpp writes a space behind a special piece and before a space too, and the other does not
      if (name === 'tokenizer_llama' && /<s>|^ /.test(text)) continue;
      expect(tokenizer.encode(text), text).toEqual(ids);
      expect(tokenizer.decode(ids), text).toBe(decoded);
      count += 1;
    }
    expect(count).toBeGreaterThan(6);
  });
});

const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
const scored = (...more: string[]): Record<string, unknown> => {
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...more];
  return {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.scores': Float32Array.from(tokens, (_, i) => -i),
    'tokenizer.ggml.token_type': tokens.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1)),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.unknown_token_id': 0,
  };
};
const open = (of: Record<string, unknown>, rows?: number) =>
  createGgufTokenizer(new Map(Object.entries(of)), rows);

it('writes a space in front and behind pieces that stand for themselves, as llama.cpp does', () => {
  const tokenizer = open(scored('▁', 'a', '▁a'));
  expect(tokenizer.encode('a')).toEqual([1, 261]);
  expect(tokenizer.encode('a</s>a')).toEqual([1, 261, 2, 261]);
  expect(tokenizer.encode('é', { special: false })).toEqual([259, 3 + 0xc3, 3 + 0xa9]);
  expect(tokenizer.decode([1, 261, 261])).toBe('a a');
  const stream = tokenizer.stream();
  expect([3 + 0xc3, 3 + 0xa9].map((id) => stream.push(id))).toEqual(['', 'é']);
  expect(open({ ...scored('a'), 'tokenizer.ggml.add_space_prefix': false }).encode('a')).toEqual([1, 259]);
  expect(open({ ...scored('a'), 'tokenizer.ggml.add_bos_token': false }).encode('')).toEqual([]);
});

it('merges over a space where a piece does', () => {
  const over = open(scored('▁', 'a', 'b', '▁b', 'a▁b', '▁a'));
  expect(over.encode('a b', { special: false })).toEqual([259, 263]);
  const alone = open(scored('▁', 'a', 'b', '▁b', '▁a', '▁▁'));
  expect(alone.encode('a b  b', { special: false })).toEqual([263, 262, 259, 262]);
});

it('fills rows that have no piece with nothing', () => {
  const tokenizer = open(scored('a'), 300);
  expect(tokenizer.size).toBe(300);
  expect(tokenizer.decode([259, 299])).toBe('a');
});

it.each(Object.entries(golden))('cuts words as the reference library does: %s', (name, cases) => {
  for (const { text, words } of cases) expect(wordsOf(text, wordRules[name]!), text).toEqual(words);
});

const gpt2 = {
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'gpt-2',
  'tokenizer.ggml.tokens': ['a', 'b', 'ab'],
  'tokenizer.ggml.merges': ['a b'],
};
it.each([
  ['an unknown model', { 'tokenizer.ggml.model': 'rwkv' }],
  ['an unknown pre', { ...gpt2, 'tokenizer.ggml.pre': 'my-words' }],
  ['no pieces', { 'tokenizer.ggml.model': 'gpt2' }],
  ['a piece twice', { ...gpt2, 'tokenizer.ggml.tokens': ['a', 'a'] }],
  ['no merges', { ...gpt2, 'tokenizer.ggml.merges': undefined }],
  ['a merge of nothing', { ...gpt2, 'tokenizer.ggml.merges': ['b a'] }],
  ['no scores', { ...scored(), 'tokenizer.ggml.scores': undefined }],
  ['too few scores', { ...scored(), 'tokenizer.ggml.scores': [0] }],
  [
    'a score that is no number',
    { ...gpt2, ...scored(), 'tokenizer.ggml.scores': [...bytes, 1, 2, 3].map(() => Number.NaN) },
  ],
  ['a kind that is none', { ...gpt2, 'tokenizer.ggml.token_type': [1, 1, 9] }],
  ['an end that is no piece', { ...gpt2, 'tokenizer.ggml.eos_token_id': 3 }],
  ['a begin to add that is not there', { ...gpt2, 'tokenizer.ggml.add_bos_token': true }],
])('refuses a file with %s', (_, file) => {
  expect(() =>
    open(Object.fromEntries(Object.entries(file).filter(([, value]) => value !== undefined))),
  ).toThrowErrorMatchingSnapshot();
});

it('refuses more pieces than rows, and a text that it cannot write', () => {
  expect(() => open(gpt2, 2)).toThrowErrorMatchingInlineSnapshot(
    `[FormatError: GGUF tokenizer: there are 3 pieces, and the embedding table has 2 rows: this is another model's tokenizer]`,
  );
  expect(() => open(gpt2).encode('c')).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: encode: text must be of characters that the vocabulary has pieces for, got "c"]`,
  );
});

/** WordPiece as llama.cpp's converter writes it: what begins a word is marked, and not what goes on. */
function wordPieceMetadata(file: File, more: Record<string, unknown> = {}): Map<string, unknown> {
  const metadata = metadataOf(file, { model: 'bert', ...more });
  const tokens = (metadata.get('tokenizer.ggml.tokens') as string[]).map((piece) => {
    if (/^\[.*\]$/.test(piece)) return piece;
    return piece.startsWith('##') ? piece.slice(2) : `▁${piece}`;
  });
  return metadata.set('tokenizer.ggml.tokens', tokens);
}

describe.skipIf(!tiny)('WordPiece of a GGUF file', () => {
  const folder = tiny && new URL('tokenizer_wordpiece/', tiny);
  interface Words extends Golden {
    readonly texts: (Golden['texts'][number] & { readonly ids_without_special: number[] })[];
  }

  it('is as the reference library of Hugging Face', () => {
    const file = jsonOf<File>(folder!, 'tokenizer.json');
    const tokenizer = createGgufTokenizer(wordPieceMetadata(file, { unknown_token_id: 1 }), 400);
    const { texts } = jsonOf<Words>(folder!, 'golden.json');
    for (const { text, ids, ids_without_special, decoded } of texts) {
      expect(tokenizer.encode(text), text).toEqual(ids);
      expect(tokenizer.encode(text, { special: false }), text).toEqual(ids_without_special);
      // the other leaves [UNK] in a text
      if (!ids.includes(1)) expect(tokenizer.decode(ids), text).toBe(decoded);
    }
    expect(texts.length).toBeGreaterThan(9);
    expect(tokenizer).toMatchObject({ size: 400, bos: 2, eos: 3 });
  });

  it('takes what stands around a text from the file, and refuses one without', () => {
    const file = jsonOf<File>(folder!, 'tokenizer.json');
    const said = { unknown_token_id: 1, cls_token_id: 4, seperator_token_id: 0 };
    expect(createGgufTokenizer(wordPieceMetadata(file, said)).encode('')).toEqual([4, 0]);
    expect(() => createGgufTokenizer(wordPieceMetadata(file, { cls_token_id: 380 }))).toThrow(
      'a tokenizer "bert" needs [CLS] among its 380 pieces, tokenizer.ggml.cls_token_id is 380',
    );
    const bare = wordPieceMetadata(file);
    const tokens = (bare.get('tokenizer.ggml.tokens') as string[]).map((each) =>
      each.replace('[SEP]', '[X]'),
    );
    expect(() => createGgufTokenizer(bare.set('tokenizer.ggml.tokens', tokens))).toThrow('needs [SEP]');
  });

  it('a word of more than a hundred letters is unknown, and ends in time', () => {
    const file = jsonOf<File>(folder!, 'tokenizer.json');
    const tokenizer = createGgufTokenizer(wordPieceMetadata(file));
    expect(tokenizer.encode('t'.repeat(101), { special: false })).toEqual([1]);
    expect(tokenizer.encode('t'.repeat(1e6), { special: false })).toEqual([1]);
    expect(tokenizer.encode('the '.repeat(1000), { special: false })).toHaveLength(1000);
  });
});
