import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const copy = (name: string): string =>
  readFileSync(new URL(`../packages/${name}/src/printable.ts`, import.meta.url), 'utf8');

it('is the same text in the two packages that import nothing', () => {
  expect(copy('sampling')).toBe(copy('tensor'));
});
