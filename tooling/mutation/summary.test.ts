import { expect, it } from 'vitest';
import { summaryOf } from './summary.ts';

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
