import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';
import * as sampling from './index.ts';
import { choices, constraints, drafters, filters, searches } from './registry.ts';

const file = new URL('../README.md', import.meta.url);

it('runs the README', async () => {
  expect(await runReadme(file, { '@headwise/sampling': async () => sampling })).toEqual({
    blocks: 2,
    asserted: 2,
  });
});

/** What people import for the entries that are no rule of a chain. */
const functions: Readonly<Record<string, string>> = {
  regex: 'regexMatcher',
  gbnf: 'gbnfMatcher',
  'json-schema': 'jsonSchemaMatcher',
};

it('has the table of the registry; UPDATE_README=1 writes it', () => {
  const entries = Object.values({ ...filters, ...choices, ...searches, ...drafters, ...constraints });
  const rows = entries.map(({ name, formula, source }) => {
    const camel = functions[name] ?? name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    expect(sampling).toHaveProperty(camel);
    return `| \`${camel}\` | ${formula.replaceAll('|', '\\|')} | [${source.authors} ${source.year}](${source.url}) |`;
  });
  const table = ['| rule | definition | source |', '| --- | --- | --- |', ...rows].join('\n');
  const text = readFileSync(file, 'utf8');
  const before = /(?:^\|.*\n)+/m.exec(text)![0];
  if (process.env.UPDATE_README) writeFileSync(file, text.replace(before, `${table}\n`));
  else expect(unpadded(before)).toBe(unpadded(table));
});

/** A table without the blanks and dashes that a formatter puts in. */
function unpadded(table: string): string {
  return table
    .trim()
    .replace(/ *\| */g, '|')
    .replace(/-{3,}/g, '---');
}
