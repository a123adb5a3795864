import { expect, it } from 'vitest';
import { piecesOf, visible } from './pieces.ts';

it('the bytes of llama2.c are bytes, its special pieces no text', () => {
  const pieces = Array.from({ length: 260 }, (_, id) => new TextEncoder().encode(`p${id}`));
  const found = piecesOf({ tokenizer: { kind: 'llama2c', vocabulary: { pieces, scores: [] } } }, {} as never);
  expect(found[1]).toBeNull();
  expect(found[3 + 0x7b]).toEqual(Uint8Array.of(0x7b));
  expect(found[259]).toBe(pieces[259]);
});

it('another tokenizer says what a token adds', () => {
  const tokenizer = { size: 2, stream: () => ({ push: (id: number) => ['', ' a'][id]! }) };
  expect(piecesOf({}, tokenizer as never)).toEqual([null, ' a']);
});

it('shows blanks and what stands for no text', () => {
  const pieces = [' a', '\n', null, Uint8Array.of(0xff)];
  expect(pieces.map(visible)).toEqual(['␣a', '↵', '⟨2⟩', '⟨3⟩']);
});
