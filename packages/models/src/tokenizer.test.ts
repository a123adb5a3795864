import { expect, it } from 'vitest';
import { readJsonVocabulary, readLlama2cVocabulary } from './formats/llama2c-tokenizer.ts';
import { bytesOf, jsonOf, sharedFolder } from './testing/shared.ts';
import { createTokenizer, type Vocabulary } from './tokenizer.ts';

const utf8 = new TextEncoder();
const bytePieces = Array.from(
  { length: 256 },
  (_, i) => `<0x${i.toString(16).padStart(2, '0').toUpperCase()}>`,
);

/** The special and byte pieces, then these; the earlier, the better the score. */
function vocabulary(...learnt: string[]): Vocabulary {
  const pieces = ['<unk>', '\n<s>\n', '\n</s>\n', ...bytePieces, ...learnt];
  return { pieces: pieces.map((piece) => utf8.encode(piece)), scores: pieces.map((_, i) => 1 - i) };
}

/** The same as llama2.c writes it. */
function binary({ pieces, scores }: Vocabulary): Uint8Array {
  const file = new Uint8Array(4 + pieces.reduce((size, piece) => size + 8 + piece.length, 0));
  const view = new DataView(file.buffer);
  view.setInt32(0, Math.max(...pieces.map((piece) => piece.length)), true);
  let at = 4;
  pieces.forEach((piece, i) => {
    view.setFloat32(at, scores[i]!, true);
    view.setInt32(at + 4, piece.length, true);
    file.set(piece, at + 8);
    at += 8 + piece.length;
  });
  return file;
}

it('merges the best score first and the leftmost of equals', () => {
  const { encode } = createTokenizer(vocabulary('aa', 'ab', ' ', 'a', 'b')); // 259 … 263
  expect(encode('aaab')).toEqual([1, 261, 259, 260]);
  expect(encode('')).toEqual([1]);
});

it('writes characters without a piece as bytes, and reads them back however they are cut', () => {
  const tokenizer = createTokenizer(vocabulary(' ', 'é'));
  const ids = tokenizer.encode('é€');
  expect(ids).toEqual([1, 259, 260, 0xe2 + 3, 0x82 + 3, 0xac + 3]);
  expect(tokenizer.decode(ids)).toBe('é€');
  const stream = tokenizer.stream();
  expect(ids.map((id) => stream.push(id))).toEqual(['', '', 'é', '', '', '€']);
  expect(tokenizer.decode(ids.slice(0, 5))).toBe('é\ufffd');
});

it('drops one space after begin only, and keeps a byte order mark', () => {
  const tokenizer = createTokenizer(vocabulary(' ', 'a'));
  expect(tokenizer.decode(tokenizer.encode('  a'))).toBe('  a');
  expect(tokenizer.decode([259, 260, 2])).toBe(' a');
  expect(tokenizer.decode(tokenizer.encode('\ufeffa'))).toBe('\ufeffa');
});

it('reads the binary and the JSON file to the same vocabulary', () => {
  const given = vocabulary(' ', 'once', '"');
  const text = JSON.stringify({
    pieces: given.pieces.map((piece) => new TextDecoder().decode(piece)),
    scores: given.scores,
  });
  expect(readJsonVocabulary(text)).toEqual(given);
  expect(readLlama2cVocabulary(binary(given))).toEqual(given);
});

it('refuses ids outside the vocabulary', () => {
  const tokenizer = createTokenizer(vocabulary('a'));
  expect(() => tokenizer.decode([1, 260])).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: decode: ids[1] must be a whole number from 0 to 259 (the table has 260 rows), got 260]`,
  );
  expect(() => tokenizer.decode([-1])).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: decode: ids[0] must be a whole number from 0 to 259 (the table has 260 rows), got -1]`,
  );
});

it.each([
  ['no length', new Uint8Array(3)],
  ['a cut piece', binary(vocabulary('abc')).subarray(0, -1)],
  ['a cut score', Uint8Array.of(3, 0, 0, 0, 9, 9)],
  ['a piece longer than the longest', Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 65, 65)],
  ['a negative length', Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255)],
])('refuses a binary file with %s', (_, file) => {
  expect(() => readLlama2cVocabulary(file)).toThrowErrorMatchingSnapshot();
});

it.each([
  ['no JSON', '['],
  ['null', 'null'],
  ['no pieces', '{"scores": []}'],
  ['no scores', '{"pieces": ["a"], "scores": ["b"]}'],
])('refuses a JSON file with %s', (_, text) => {
  expect(() => readJsonVocabulary(text)).toThrowErrorMatchingSnapshot();
});

it('refuses a vocabulary without its fixed pieces', () => {
  const { pieces, scores } = vocabulary('a');
  expect(() => createTokenizer({ pieces, scores: [0] })).toThrowErrorMatchingInlineSnapshot(
    `[FormatError: tokenizer: 260 pieces but 1 scores]`,
  );
  expect(() =>
    createTokenizer({ pieces: pieces.slice(0, 9), scores: Array(9).fill(0) }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[FormatError: tokenizer: 9 pieces; 3 special and 256 byte pieces come first]`,
  );
  const swapped = [...pieces.slice(0, 70), pieces[71]!, pieces[70]!, ...pieces.slice(72)];
  expect(() => createTokenizer({ pieces: swapped, scores })).toThrowErrorMatchingInlineSnapshot(
    `[FormatError: tokenizer: piece 70 must be <0x43>, it is "<0x44>"]`,
  );
});

const shared = sharedFolder('conformance/models/stories260K');
it.skipIf(!shared)('encodes and decodes as run.c does', () => {
  interface Case {
    readonly text: string;
    readonly ids: number[];
    readonly decoded_hex: string;
  }
  const { cases } = jsonOf<{ cases: Case[] }>(shared!, 'tokenizer_golden.json');
  const binaryFile = createTokenizer(readLlama2cVocabulary(bytesOf(shared!, 'tok512.bin')));
  const textFile = createTokenizer(
    readJsonVocabulary(new TextDecoder().decode(bytesOf(shared!, 'tok512.vocab.json'))),
  );
  expect(cases.length).toBeGreaterThan(10);
  for (const tokenizer of [binaryFile, textFile]) {
    for (const { text, ids, decoded_hex } of cases) {
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(Buffer.from(tokenizer.decode(ids)).toString('hex')).toBe(decoded_hex);
    }
  }
});
