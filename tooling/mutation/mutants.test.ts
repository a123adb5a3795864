import { expect, it } from 'vitest';
import { mutantsOf, probed } from './mutants.ts';

const changed = (text: string): string[] =>
  mutantsOf(text).map(({ start, end, to }) => text.slice(0, start) + to + text.slice(end));

it('changes one expression inside a function at a time', () => {
  expect(changed('const f = (a, b) => a < b;')).toEqual([
    'const f = (a, b) => false;',
    'const f = (a, b) => true;',
    'const f = (a, b) => a <= b;',
    'const f = (a, b) => a >= b;',
  ]);
  expect(changed('function f(x) { if (!x) x += 1; return Math.min(x, 2); }')).toEqual([
    'function f(x) {}',
    'function f(x) { if (false) x += 1; return Math.min(x, 2); }',
    'function f(x) { if (true) x += 1; return Math.min(x, 2); }',
    'function f(x) { if (x) x += 1; return Math.min(x, 2); }',
    'function f(x) { if (!x) x -= 1; return Math.min(x, 2); }',
    'function f(x) { if (!x) x += 1; return Math.max(x, 2); }',
  ]);
});

it('leaves types, strings and what runs when a module is loaded', () => {
  expect(changed("const a = 1 + 2; type T = 'x' | 'y'; const f = (x: T): string => 'y' + x;")).toEqual([]);
});

it('calls out where a change would be', () => {
  const text = 'const f = (a, b) => a < b; function g(x) { return x + 1; }';
  expect(
    probed(
      text,
      new Map([
        [0, text.indexOf('a < b')],
        [1, text.indexOf('x + 1')],
      ]),
    ),
  ).toBe(
    'const f = (a, b) => (globalThis.reached(0), a < b); ' +
      'function g(x) {globalThis.reached(1); return x + 1; }',
  );
  expect(() => probed('const a = 1;', new Map([[0, 10]]))).toThrow('no function holds the change at 10');
});
