import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import errors from '../packages/models/golden/largest-errors.json' with { type: 'json' };
import { families } from '../packages/models/src/registry.ts';
import { goldenFolders, readme, withFamilies } from './families-table.ts';

it('the README of models has the table of the registry', async () => {
  const text = readFileSync(readme, 'utf8');
  expect(text, 'run tooling/families-table.ts').toBe(await withFamilies(text, errors));
  for (const type of Object.keys(families)) expect(text).toContain(`| \`${type}\` |`);
});

const folders = goldenFolders();

it.skipIf(!folders)('every golden checkpoint has its largest error there', () => {
  const stated = Object.entries(errors).map(([type, own]) => [type, Object.keys(own)]);
  expect(Object.fromEntries(stated), 'run tooling/families-table.ts').toEqual(folders);
});
