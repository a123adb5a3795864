import { expect, it } from 'vitest';
import { createWrapper } from './wrap.ts';

function wrapped(width: number, ...pieces: string[]): string {
  let out = '';
  const wrapper = createWrapper(width, '  ', (text) => {
    out += text;
  });
  for (const piece of pieces) wrapper.push(piece);
  wrapper.end();
  return out;
}

it('breaks between words, however the text is cut', () => {
  const want = '  one two\n  three\n  four\n';
  expect(wrapped(10, 'one two three four')).toBe(want);
  expect(wrapped(10, ...'one two three four')).toBe(want);
});

it('keeps the line breaks of the text, and words longer than a line', () => {
  expect(wrapped(8, 'a\nb endlessly c\n')).toBe('  a\n  b\n  endlessly\n  c\n');
});
