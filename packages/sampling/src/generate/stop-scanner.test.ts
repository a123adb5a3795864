import { expect, it } from 'vitest';
import { StopScanner } from './stop-scanner.ts';

it('finds a stop string over any division of the text', () => {
  const text = 'one two END three';
  for (let a = 0; a <= text.length; a++) {
    for (let b = a; b <= text.length; b++) {
      const scanner = new StopScanner(['END', 'three']);
      let out = '';
      for (const part of [text.slice(0, a), text.slice(a, b), text.slice(b)]) {
        if (scanner.found === undefined) out += scanner.push(part);
      }
      expect(out).toBe('one two ');
      expect(scanner.found).toBe('END');
    }
  }
});

it('holds back no more than what may still be the beginning of a stop string', () => {
  const scanner = new StopScanner(['</s>', 'aab']);
  expect(scanner.push('x<')).toBe('x');
  expect(scanner.push('/')).toBe('');
  expect(scanner.push('b')).toBe('</b');
  expect(scanner.push('aa')).toBe('');
  expect(scanner.push('a')).toBe('a');
  expect(scanner.push('b')).toBe('');
  expect(scanner.found).toBe('aab');
});

it('gives the held text back at the end', () => {
  const scanner = new StopScanner(['###']);
  expect(scanner.push('a##')).toBe('a');
  expect(scanner.end()).toBe('##');
});

it('takes the stop string that comes first', () => {
  const scanner = new StopScanner(['later', 'first']);
  expect(scanner.push('a first b later')).toBe('a ');
  expect(scanner.found).toBe('first');
});
