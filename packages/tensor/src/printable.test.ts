import { expect, it } from 'vitest';
import { DeviceError, messageOf, oneLine, printable, ShapeError, ValueError } from './index.ts';

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

it('shows what a terminal would obey, and leaves text as it is', () => {
  const text = 'Zwölf Boxkämpfer\n\tjagen 😀 👩‍🚀 می‌خواهم \\u001b';
  expect(printable(text)).toBe(text);
  expect(printable('\u001b[31m\u0007\r\u0000\u007f\u009b2J')).toBe(
    '\\u001b[31m\\u0007\\u000d\\u0000\\u007f\\u009b2J',
  );
  expect(printable('\u202eabc\u202c\u2066\u2069\u200f\u061c\u2028\u2029')).toBe(
    '\\u202eabc\\u202c\\u2066\\u2069\\u200f\\u061c\\u2028\\u2029',
  );
  expect(printable('a\ud83d')).toBe('a\\ud83d');
});

it('puts a name on one line, and leaves the middle of a long one out', () => {
  expect(oneLine('a\nb\tc')).toBe('a\\nb\\tc');
  const long = oneLine(`first${'€'.repeat(100_000)}last`);
  expect(bytesOf(long)).toBeLessThan(1300);
  expect(long).toMatch(/^first€+ … \(100009 characters in all\) … €+last$/);
  expect(oneLine('\u001b'.repeat(1000)).length).toBeLessThan(1300);
  expect(printable(oneLine('😀'.repeat(1000)))).toBe(oneLine('😀'.repeat(1000)));
});

it('keeps a message of many lines short, its beginning and its end', () => {
  const message = messageOf('problem', ...Array.from({ length: 5000 }, (_, i) => `  - "${i}"`));
  expect(bytesOf(message)).toBeLessThan(4000);
  expect(message).toMatch(/^problem\n {2}- "0"\n/);
  expect(message).toMatch(/\n {2}- "4999"$/);
  expect(messageOf('a', 'b\nc')).toBe('a\nb\\nc');
});

it.each([
  new ShapeError('op', 'k has \u001b[2J\n', [{ name: 'q\u202e', axes: [], shape: Array(20_001).fill(7) }]),
  new ValueError('op', 'name\n', 'must be short', `\u001b${'x'.repeat(100_000)}`),
  new ValueError('op', 'list', 'must be short', Array(100_000).fill(1)),
  new DeviceError('d', 'p\u0007', Array(3000).fill('reason\u001b'), `cure\u202e${'y'.repeat(100_000)}`),
])('is how $name is told', ({ message }) => {
  expect(bytesOf(message)).toBeLessThan(8192);
  expect(message).toBe(printable(message));
});
