import fc from 'fast-check';
import { expect, it } from 'vitest';
import { propertyRuns } from '../testing/property.ts';
import { TextStream } from './text-stream.ts';

const bytes = (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids));
const encode = (text: string) => [...new TextEncoder().encode(text)];

it('holds an unfinished character back until it is whole', () => {
  const stream = new TextStream(bytes, []);
  expect(encode('aé😀!').map((byte) => stream.push(byte))).toEqual(['a', '', 'é', '', '', '', '😀', '!']);
  expect(stream.end()).toBe('');
});

it('goes on with a character that the prompt began', () => {
  const after = (prompt: readonly number[], output: readonly number[]) => {
    const stream = new TextStream(bytes, prompt);
    return output.map((byte) => stream.push(byte)).join('') + stream.end();
  };
  const hi = encode('Hi ');
  expect(after([...hi, 0xe2, 0x82], [0xac, ...encode(' ok')])).toBe('€ ok');
  expect(after([...hi, 0xe2], [0x82, 0xac, ...encode(' ok')])).toBe('€ ok');
  const [a, b, c, d] = encode('😀');
  expect(after([...hi, a!, b!, c!], [d!, ...encode('!')])).toBe('😀!');
  expect(after([...hi, a!], [b!, c!, d!])).toBe('😀');
  expect(after([a!, b!], [c!, d!])).toBe('😀');
  // what the prompt itself shows is not shown again
  expect(after([...hi, 0xe2, 0x82], encode(' ok'))).toBe(' ok');
  expect(after(encode('Hi \uFFFD'), encode(' ok'))).toBe(' ok');
  expect(after([...hi, 0xe2], [0x82])).toBe('');
  expect(after([...hi, 0xe2], [])).toBe('');
});

/** A decoder that shows every byte of an unfinished or broken character, as those of byte-fallback tokenizers do. */
const byteByByte = (ids: readonly number[]) => {
  let text = '';
  for (let at = 0; at < ids.length; ) {
    const first = ids[at]!;
    const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    const part = bytes(ids.slice(at, at + length));
    const whole = length > 0 && !part.includes('\uFFFD');
    text += whole ? part : '\uFFFD';
    at += whole ? length : 1;
  }
  return text;
};

it('goes on with it where the decoder shows every byte', () => {
  const stream = new TextStream(byteByByte, [...encode('Hi '), 0xe2, 0x82]);
  expect([0xac, 0x20].map((byte) => stream.push(byte))).toEqual(['€', ' ']);
  const broken = new TextStream(byteByByte, [...encode('Hi '), 0xe2, 0x82]);
  expect(broken.push(0x21)).toBe('!');
});

it.each([
  ['the platform’s decoder', bytes],
  ['a decoder that shows every byte', byteByByte],
])('gives out every character though no token ends with one, with %s', (_, decodeBytes) => {
  for (const text of ['가나다라마바사아자차카타', '😀'.repeat(30), 'aé€😀'.repeat(40)]) {
    for (const [size, shift] of [
      [3, 1],
      [3, 2],
      [4, 1],
      [4, 3],
      [2, 1],
      [1, 0],
    ] as const) {
      const all = encode(text);
      const tokens = [all.slice(0, shift)];
      for (let at = shift; at < all.length; at += size) tokens.push(all.slice(at, at + size));
      let longest = 0;
      const decode = (ids: readonly number[]) => {
        longest = Math.max(longest, ids.length);
        return decodeBytes(ids.flatMap((id) => tokens[id]!));
      };
      const stream = new TextStream(decode, []);
      const pieces = tokens.map((_, id) => stream.push(id));
      expect(pieces.join('') + stream.end()).toBe(text);
      expect(longest).toBeLessThan(20);
      // nothing waits longer than its own character takes
      const shown = pieces.findIndex((piece) => piece !== '');
      expect(shown).toBeLessThan(5);
    }
  }
});

it('is the whole text less the prompt’s, however random bytes are cut into tokens', () => {
  const anyByte = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80),
  );
  const anyTokens = fc.array(fc.array(anyByte, { minLength: 1, maxLength: 4 }), { maxLength: 60 });
  fc.assert(
    fc.property(anyTokens, fc.nat(8), (tokens, cut) => {
      const decode = (ids: readonly number[]) => bytes(ids.flatMap((id) => tokens[id]!));
      const ids = tokens.map((_, id) => id);
      const prompt = ids.slice(0, cut);
      const stream = new TextStream(decode, prompt);
      const got =
        ids
          .slice(cut)
          .map((id) => stream.push(id))
          .join('') + stream.end();
      const [before, whole] = [decode(prompt), decode(ids)];
      let same = before.length;
      while (!whole.startsWith(before.slice(0, same))) same--;
      expect(got).toBe(whole.slice(same));
    }),
    propertyRuns(300),
  );
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

it('waits through tokens without text, and decodes a short window, about once a token', () => {
  let longest = 0;
  let calls = 0;
  const decode = (ids: readonly number[]) => {
    calls++;
    longest = Math.max(longest, ids.length);
    return ids.map((id) => (id % 3 === 0 ? '' : `${id},`)).join('');
  };
  const stream = new TextStream(decode, Array<number>(100).fill(1));
  const ids = Array.from({ length: 50 }, (_, id) => id);
  const text = ids.map((id) => stream.push(id)).join('');
  expect(longest).toBeLessThan(20);
  expect(calls).toBeLessThan(1.2 * ids.length);
  expect(text).toBe(decode(ids));
});
