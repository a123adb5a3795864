import { readFileSync } from 'node:fs';
import { createReference } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import golden from '../../golden/word-vectors/golden.json' with { type: 'json' };
import { hash, partsOf, readFastText } from './fasttext.ts';
import { readGlove } from './glove.ts';
import type { NearWord, WordVectors } from './word-vectors.ts';
import { readWord2Vec, readWord2VecText } from './word2vec.ts';

const folder = new URL('../../golden/word-vectors/', import.meta.url);
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));
const utf8 = new TextEncoder();
const close = { atol: 1e-6, rtol: 1e-5 };

function near(got: readonly NearWord[], want: readonly NearWord[]): void {
  expect(got.map(({ word }) => word)).toEqual(want.map(({ word }) => word));
  assertClose(
    got.map(({ similarity }) => similarity),
    want.map(({ similarity }) => similarity),
    close,
  );
}

describe.each<[string, (file: Uint8Array) => WordVectors]>([
  ['word2vec.bin', readWord2Vec],
  ['word2vec.txt', readWord2VecText],
  ['glove.txt', readGlove],
])('%s, as gensim reads it', (name, read) => {
  const vectors = read(bytesOf(name));

  it('has the words and their vectors', () => {
    expect(vectors.words.slice(0, golden.words.length)).toEqual(golden.words);
    expect(vectors.words.slice(golden.words.length)).toEqual(name === 'glove.txt' ? ['. . .'] : []);
    for (const [i, word] of golden.words.entries())
      assertClose(vectors.vector(word)!, golden.vectors[i]!, close);
    expect(vectors.vector('kings')).toBeUndefined();
  });

  it('finds what is near, and analogies', () => {
    const without = ['. . .'];
    const { nearest, analogy } = golden;
    near(vectors.nearest(nearest.to, { count: 4, without: [nearest.to, ...without] }), nearest.found);
    const asked = [...analogy.plus, ...analogy.minus];
    near(
      vectors.analogy(analogy.plus, analogy.minus, { count: 4, without: [...asked, ...without] }),
      analogy.found,
    );
    near(vectors.nearest(vectors.vector('king')!, { count: 1 }), [{ word: 'king', similarity: 1 }]);
    expect(vectors.similarity('king', 'king')).toBeCloseTo(1, 6);
  });
});

describe('fasttext.bin, as gensim reads it', () => {
  const vectors = readFastText(bytesOf('fasttext.bin'));

  it('makes vectors of words and of words never seen of their parts', () => {
    expect(vectors.words).toEqual(golden.fasttext.words.map(({ word }) => word));
    for (const { word, vector } of [...golden.fasttext.words, ...golden.fasttext.unseen])
      assertClose(vectors.vector(word)!, vector, close);
    expect(golden.fasttext.unseen.every(({ word }) => !vectors.has(word))).toBe(true);
    near(vectors.nearest(golden.fasttext.nearest.to, { count: 4 }), golden.fasttext.nearest.found);
  });

  it('embeds both on a device', async () => {
    using embedding = vectors.embedding(createReference());
    const known = embedding.encode(['king', 'the']);
    expect(known.shape).toEqual([2, 5]);
    assertClose(await known.data(), [...vectors.vector('king')!, ...vectors.vector('the')!], close);
    const mixed = embedding.encode(['king', 'kings']);
    assertClose(await mixed.data(), [...vectors.vector('king')!, ...vectors.vector('kings')!], close);
    expect(vectors.table()).toMatchObject({ dtype: 'F32', shape: [vectors.words.length, 5] });
  });
});

it('hashes and cuts as fastText does', () => {
  // of the FNV-1a test vectors, and one whose bytes are negative
  expect(hash(utf8.encode(''))).toBe(0x811c9dc5);
  expect(hash(utf8.encode('foobar'))).toBe(0xbf9cf968);
  const parts = partsOf('été', { shortest: 3, longest: 4 }).map((part) => new TextDecoder().decode(part));
  expect(parts).toEqual(['<ét', '<été', 'été', 'été>', 'té>']);
  expect(partsOf('a', { shortest: 1, longest: 2 }).map((part) => new TextDecoder().decode(part))).toEqual([
    '<a',
    'a',
    'a>',
  ]);
});

const cut = (name: string, bytes: number): Uint8Array => bytesOf(name).subarray(0, -bytes);
const changed = (name: string, at: number, byte: number): Uint8Array => {
  const file = bytesOf(name);
  file[at] = byte;
  return file;
};
it.each<[string, (file: Uint8Array) => WordVectors, Uint8Array]>([
  ['word2vec.bin that is cut', readWord2Vec, cut('word2vec.bin', 9)],
  ['word2vec.bin that is longer', readWord2Vec, Uint8Array.of(...bytesOf('word2vec.bin'), 1)],
  ['word2vec.bin of more than it holds', readWord2Vec, utf8.encode('999999999 300\na ')],
  ['word2vec.bin without a header', readWord2Vec, bytesOf('glove.txt')],
  ['word2vec.txt that is cut', readWord2VecText, cut('word2vec.txt', 100)],
  ['word2vec.txt that is longer', readWord2VecText, utf8.encode('1 2\na 1 2\nb 1 2\n')],
  ['word2vec.txt with what is no number', readWord2VecText, utf8.encode('1 2\na 1 x\n')],
  ['word2vec.txt with too few numbers', readWord2VecText, utf8.encode('2 3\nword 1 2\nb 1 2 3\n')],
  ['word2vec.txt with infinity', readWord2VecText, utf8.encode('1 2\na 1 Infinity\n')],
  ['word twice', readWord2VecText, utf8.encode('2 2\na 1 2\na 1 2\n')],
  [
    'word that is no UTF-8',
    readWord2VecText,
    Uint8Array.of(...utf8.encode('1 2\n'), 0xff, ...utf8.encode(' 1 2\n')),
  ],
  ['glove.txt with a header', readGlove, bytesOf('word2vec.txt')],
  ['glove.txt of nothing', readGlove, new Uint8Array(0)],
  ['fasttext.bin that is cut', readFastText, cut('fasttext.bin', 9)],
  ['fasttext.bin that is longer', readFastText, Uint8Array.of(...bytesOf('fasttext.bin'), 1)],
  ['fasttext.bin of another kind', readFastText, changed('fasttext.bin', 0, 1)],
  ['fasttext.bin of another version', readFastText, changed('fasttext.bin', 4, 11)],
  ['fasttext.bin without buckets', readFastText, changed('fasttext.bin', 40, 0)],
  ['fasttext.bin of another width', readFastText, changed('fasttext.bin', 8, 6)],
])('refuses a %s', (_, read, file) => {
  expect(() => read(file)).toThrowErrorMatchingSnapshot();
});

it('refuses words that it does not know', () => {
  const vectors = readWord2VecText(bytesOf('word2vec.txt'));
  expect(() => vectors.nearest('kings')).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: word vectors: word must be one of the 12 of the file, got "kings"]`,
  );
  expect(() => vectors.nearest([1, 2])).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: nearest: to must have 6 numbers, got 2]`,
  );
  using embedding = vectors.embedding(createReference());
  expect(() => embedding.encode(['kings'])).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: word embedding: word must be one of the 12 of the file, got "kings"]`,
  );
});
