import { expect, it } from 'vitest';
import { drawn } from './drawn.mjs';
import { estimateInWords, estimateOf, summaryOf } from './summary.ts';

const mutants = (...statuses: string[]) => ({ mutants: statuses.map((status) => ({ status })) });

it('says by file, the least killed first, and in all what is alive', () => {
  const files = {
    'a.ts': mutants('Killed', 'Timeout', 'Survived', 'Ignored', 'CompileError'),
    'b.ts': mutants('Killed', 'NoCoverage', 'Survived', 'NoCoverage'),
    'types.ts': mutants('Ignored'),
  };
  expect(summaryOf({ files })).toBe(
    [
      ' 25 % killed, 3 of 4 alive (2 in code no test runs)  b.ts',
      ' 66 % killed, 1 of 3 alive  a.ts',
      ' 42 % killed, 4 of 7 alive (2 in code no test runs)  all 2 files',
    ].join('\n'),
  );
});

it('has nothing to say against nothing', () => {
  expect(summaryOf({ files: {} })).toBe('100 % killed, 0 of 0 alive  all 0 files');
});

it('says of a sample what it says of the package', () => {
  const others = Array.from({ length: 90 }, () => ({ status: 'CompileError', statusReason: 'not drawn' }));
  const files = {
    'a.ts': mutants('Killed', 'Timeout', 'Survived', 'Ignored', 'CompileError'),
    'b.ts': { mutants: [...mutants(...Array<string>(7).fill('Killed')).mutants, ...others] },
    'c.ts': mutants(...Array<string>(100).fill('NoCoverage')),
  };
  const estimate = estimateOf({ files });
  // 9 of 10, by Wilson 0.5958 to 0.9821, of the half that tests run
  expect(estimate).toMatchObject({ covered: 100, drawn: 10, killed: 9, unseen: 100, share: 0.45 });
  expect(estimate.low).toBeCloseTo(0.5958 / 2, 4);
  expect(estimate.high).toBeCloseTo(0.9821 / 2, 4);
  expect(estimateInWords(estimate)).toBe(
    '45 % killed (95 %: 30 to 49), from 10 of 100 mutants; 100 more in code no test runs',
  );
  expect(estimateOf({ files: {} })).toMatchObject({ share: 0, low: 0, high: 0 });
});

it('draws as many as it is asked for, from all files, by a seed', () => {
  const all = Array.from({ length: 300 }, (_, i) => ({
    id: String(i),
    fileName: `${'abc'[i % 3]}.ts`,
    location: { start: { line: Math.floor(i / 3), column: 0 } },
  }));
  const some = drawn(all, 30, 1);
  expect(new Set(some.map(({ id }) => id)).size).toBe(30);
  for (const name of ['a.ts', 'b.ts', 'c.ts'])
    expect(some.filter(({ fileName }) => fileName === name)).toHaveLength(10);
  expect(drawn(all, 30, 1)).toEqual(some);
  expect(drawn(all.toReversed(), 30, 1)).toEqual(some);
  expect(drawn(all, 30, 2)).not.toEqual(some);
  expect(drawn(all, 1000, 1)).toHaveLength(300);
  // every mutant is in the sample of some seed
  const seeds = Array.from({ length: 60 }, (_, seed) => drawn(all, 30, seed).map(({ id }) => id));
  expect(new Set(seeds.flat()).size).toBe(300);
});
