import { existsSync, readFileSync } from 'node:fs';
import * as tensor from '@headwise/tensor';
import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';
import { familiesTable } from './config/families-table.ts';
import * as positional from './index.ts';
import { encodings } from './registry.ts';

const file = new URL('../README.md', import.meta.url);

it('runs the README', async () => {
  const ran = await runReadme(file, {
    '@headwise/tensor': async () => tensor,
    '@headwise/positional': async () => positional,
  });
  expect(ran).toEqual({ blocks: 2, asserted: 4 });
});

it.each(Object.entries(encodings))('lists and shows %s, and exports it', (name, factory) => {
  const text = readFileSync(file, 'utf8');
  const exported = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  expect(factory.about.name).toBe(name);
  expect((positional as Record<string, unknown>)[exported]).toBe(factory);
  expect(text).toContain(`| [\`${exported}\`](src/encodings/${name}.ts)`);
  expect(text).toContain(`![${name}](plots/${name}.svg)`);
  expect(existsSync(new URL(`encodings/${name}.ts`, import.meta.url))).toBe(true);
});

it('lists every family that a configuration may name', () => {
  const [, table] = /<!-- families -->\n([\s\S]*)<!-- \/families -->/.exec(readFileSync(file, 'utf8')) ?? [];
  expect(table, 'put what familiesTable() returns between the marks').toBe(familiesTable());
});
