import { hostModifier, type Modifier } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { masks, scores } from '../testing-modifiers.ts';
import { type Interval, sightOf } from './bounds.ts';
import { compileModifiers } from './compile.ts';
import { parse } from './dialect.ts';
import { knownTiles } from './tiles.ts';

const mask = (body: string, constants?: Record<string, number>): Modifier => ({
  kind: 'mask',
  source: `function (b, h, q, k) { ${body} }`,
  ...(constants && { constants }),
});

it.each([
  ['() => 1', 'expects function'],
  ['function (b, h, q) { return 1; }', 'expects ,'],
  ['function (b, h, q, k) { }', 'may end without returning a number'],
  ['function (b, h, q, k) { if (k < 3) return 1; }', 'may end without returning a number'],
  ['function (b, h, q, k) { return 1; } + 1', 'is not one function expression'],
  ['function (b, h, q, k) { return window; }', 'window comes from outside the modifier'],
  ['function (b, h, q, k) { return k < q; }', 'is a boolean where a number is needed'],
  ['function (b, h, q, k) { return k ? 1 : 0; }', 'is a number where a condition is needed'],
  ['function (b, h, q, k) { return 1 + (k < q); }', 'is a boolean where a number is needed'],
  ['function (b, h, q, k) { return !k ? 1 : 0; }', 'is a number where a condition is needed'],
  ['function (b, h, q, k) { return Math.hypot(q, k); }', 'Math.hypot is not in the dialect'],
  ['function (b, h, q, k) { return Math.pow(q); }', 'expects ,'],
  ['function (b, h, q, k) { q = 1; return 1; }', 'cannot assign to q'],
  ['function (b, h, q, k) { let q = 1; return q; }', 'declares q twice'],
  ['function (b, h, q, k) { let x; return 1; }', 'expects ='],
  ['function (b, h, q, k) { for (let i = 1; i < 3; i++) {} return 1; }', 'expects 0'],
  ['function (b, h, q, k) { while (k < 3) {} return 1; }', 'cannot assign to while'],
  ['function (b, h, q, k) { k; return 1; }', 'cannot assign to k'],
  ['function (b, h, q, k) { let x = 1; x ** 2; return x; }', 'is no assignment'],
  ['function (b, h, q, k) { return "1"; }', 'is a character that the dialect does not have'],
])('refuses %s', (source, problem) => {
  expect(() => parse({ kind: 'mask', source })).toThrow(problem);
});

it('says where a text leaves the dialect', () => {
  expect(() => parse(mask('\n  return k * ;'))).toThrow('2:14: expects a name');
});

it('reads numbers, comments and names as JavaScript does', () => {
  const texts = ['0x1F', '.5', '1e-3', '1_000', '2.', '/* a */ 3 // b\n', '(4)', '+5', '-6', 'ñ$1'];
  for (const text of texts) {
    const modifier = mask(`return ${text};`, { ñ$1: 7 });
    const [statement] = parse(modifier);
    const found = statement?.is === 'return' ? statement.value : undefined;
    const value = found?.is === 'literal' ? found.value : 7;
    expect(value, text).toBe(hostModifier(modifier)(0, 0, 0, 0));
  }
});

it('makes modules that are valid, of every modifier, for memory that is shared or not', () => {
  for (const shared of [true, false])
    for (const modifier of [...masks, ...scores]) {
      const { bytes } = compileModifiers([modifier], shared);
      expect(WebAssembly.validate(bytes), modifier.source).toBe(true);
      // what a page may compile at once, in its main thread, on browsers of any age
      expect(bytes.length).toBeLessThan(4096);
    }
  const all = compileModifiers([...scores, ...masks], true);
  expect(WebAssembly.validate(all.bytes)).toBe(true);
  expect(all).toMatchObject({ score: true, mask: true, maskReads: { h: true, b: true } });
});

const range = (first: number, last: number): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, n) => first + n);

it('never says more of a range than is true of each of its positions', () => {
  const decided = { seen: 0, hidden: 0, unknown: 0 };
  const written = [
    ...masks,
    mask('return Math.max(q, 3) - Math.min(k, 5) > 2 || Math.sqrt(k + 1) < 2 ? 1 : 0;'),
    mask('return Math.sin(q) < 2 && Math.ceil(k / -4) <= 0 && !(Math.exp(q / 9) < 0) ? 1 : 0;'),
    mask('let x = q * 2; if (k > 9) { x = x - k; } else { x += 1; } return x > 5 ? 1 : 0;'),
    mask('if (k > q) { return 0; } else { return Math.log(k + 1) < 3 ? 1 : 0; }'),
    mask('return q % 8 < 4 && Math.sign(q - k) >= 0 ? -1 : 0;'),
  ];
  for (const modifier of written) {
    const host = hostModifier(modifier);
    const statements = parse(modifier);
    const own = Object.entries(modifier.constants ?? {}).map(
      ([name, x]) => [`constants.${name}`, [x, x]] as const,
    );
    for (let q = 0; q < 100; q += 9)
      for (let k = 0; k < 100; k += 7) {
        const [Q, K] = [q + (k % 13), k + (q % 11)];
        const names = new Map<string, Interval>([
          ['q', [q, Q]],
          ['k', [k, K]],
          ['h', [0, 1]],
          ['b', [0, 1]],
          ...own,
        ]);
        const sight = sightOf(statements, names);
        decided[sight]++;
        if (sight === 'unknown') continue;
        const other = range(q, Q).flatMap((i) =>
          range(k, K).filter((j) => [0, 1].some((n) => (host(n, n, i, j) !== 0) !== (sight === 'seen'))),
        );
        expect(other, `${modifier.source} from ${q}, ${k}`).toEqual([]);
      }
  }
  for (const count of Object.values(decided)) expect(count).toBeGreaterThan(100);
});

it('tells constants apart that JSON writes alike', () => {
  const table = { Lq: 64, n: 64, rows: 4, groups: 16, tiles: 1 };
  const place = { b: [0, 0], h: [0, 0] } as const;
  const compiled = compileModifiers([mask('return k < W ? 1 : 0;', { W: 1 })], false);
  const of = (W: number): number =>
    knownTiles(compiled, { modifiers: [mask('return k < W ? 1 : 0;', { W })], offset: 0 }, table, place)[0]!;
  expect([1e30, Infinity, -1e30, -Infinity, Number.NaN, -0].map(of)).toEqual([136, 15, 0, 15, 15, 0]);
});

it('knows most tiles of causal attention in a window without looking at a key', () => {
  const [L, rows, tiles] = [4800, 6, 75];
  const modifier = mask('return k <= q && q - k < W ? 1 : 0;', { W: 500 });
  const table = { Lq: L, n: L, rows, groups: L / rows, tiles };
  const place = { b: [0, 0], h: [0, 0] } as const;
  const states = knownTiles(
    compileModifiers([modifier], false),
    { modifiers: [modifier], offset: 0 },
    table,
    place,
  );
  const host = hostModifier(modifier);
  let unknown = 0;
  states.forEach((state, n) => {
    if (state === 15) unknown++;
    const [group, tile] = [Math.floor(n / tiles), n % tiles];
    const far = host(0, 0, group * rows, tile * 64) + host(0, 0, group * rows + rows - 1, tile * 64 + 63);
    if (state === 0 || state === 136) expect(far).toBe(state === 0 ? 0 : 2);
  });
  expect(unknown / states.length).toBeLessThan(0.06);
});
