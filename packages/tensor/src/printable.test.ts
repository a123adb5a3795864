import { expect, it } from 'vitest';
import { printable, ValueError } from './index.ts';

it.each([
  ['plain text, „quoted“ — 文字 👍', 'plain text, „quoted“ — 文字 👍'],
  ['\u001b[2Jgone\u0007', '\\u{1b}[2Jgone\\u{7}'],
  ['a\nb\tc\rd\u2028e', 'a\\nb\\tc\\rd\\u{2028}e'],
  ['\u202egnp.exe\u200b\ufeff', '\\u{202e}gnp.exe\\u{200b}\\u{feff}'],
  ['half \ud83d', 'half \\u{d83d}'],
])('shows %j so that nothing is hidden', (text, want) => {
  expect(printable(text)).toBe(want);
});

it('takes no more bytes than it is told, and keeps both ends', () => {
  for (const unit of ['a', '文', '👍', '\u0000', '\u{e0001}', 'ab\u202e'])
    for (const most of [20, 64, 200, 1000]) {
      const shown = printable(`<${unit.repeat(100_000)}>`, most);
      expect(new TextEncoder().encode(shown).length).toBeLessThanOrEqual(most);
      expect(shown).toMatch(/^<.* … .*>$/u);
    }
});

it('bounds what an error shows of a value, and keeps the value', () => {
  const got = 'x\u001b'.repeat(50_000);
  const error = new ValueError('op', 'name', 'must be known', got);
  expect(error.message.length).toBeLessThan(1100);
  expect(error.message).not.toContain('\u001b');
  expect(error.got).toBe(got);
});
