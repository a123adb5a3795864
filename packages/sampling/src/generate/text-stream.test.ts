import { expect, it } from 'vitest';
import { TextStream } from './text-stream.ts';

const bytes = (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids));
const encode = (text: string) => [...new TextEncoder().encode(text)];

it('holds an unfinished character back until it is whole', () => {
  const stream = new TextStream(bytes, []);
  expect(encode('aé😀!').map((byte) => stream.push(byte))).toEqual(['a', '', 'é', '', '', '', '😀', '!']);
  expect(stream.end()).toBe('');
});

it('gives out what never became whole, at the end and when it goes on too long', () => {
  const stream = new TextStream(bytes, []);
  expect(stream.push(0xf0)).toBe('');
  expect(stream.end()).toBe('\uFFFD');
  const broken = new TextStream(bytes, []);
  const text = Array.from({ length: 40 }, () => broken.push(0x80)).join('') + broken.end();
  expect(text).toBe('\uFFFD'.repeat(40));
});

it('keeps the blank between the prompt and the first word, which a decoder drops at the start of a text', () => {
  const pieces = ['<s>', ' Once', ' upon', ' a'];
  const decode = (ids: readonly number[]) =>
    ids
      .map((id, i) => (id === 0 ? '' : i === 0 || ids[i - 1] === 0 ? pieces[id]!.trimStart() : pieces[id]))
      .join('');
  const stream = new TextStream(decode, [0, 1]);
  expect([2, 3].map((id) => stream.push(id))).toEqual([' upon', ' a']);
  const fromStart = new TextStream(decode, [0]);
  expect([1, 2].map((id) => fromStart.push(id))).toEqual(['Once', ' upon']);
});

it('waits through tokens without text, and decodes a short window only', () => {
  let longest = 0;
  const decode = (ids: readonly number[]) => {
    longest = Math.max(longest, ids.length);
    return ids.map((id) => (id % 3 === 0 ? '' : `${id},`)).join('');
  };
  const stream = new TextStream(decode, Array<number>(100).fill(1));
  const ids = Array.from({ length: 50 }, (_, id) => id);
  const text = ids.map((id) => stream.push(id)).join('');
  expect(longest).toBeLessThan(10);
  expect(text).toBe(decode(ids));
});
