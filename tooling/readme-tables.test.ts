import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { variants } from '../packages/attention-variants/src/registry.ts';
import { readmes, refreshTables, withTable } from './readme-tables.ts';

// whoever adds a variant has the tables written for him; in CI they have to be there
if (!process.env.CI) for (const file of refreshTables()) console.log(`${file}: its table is written anew`);

it.each(readmes)('$file has the table of the registry', ({ file, variantsAt }) => {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  expect(text, 'run npm run test:node -- tooling/readme-tables, and commit').toBe(
    withTable(text, variantsAt),
  );
  for (const name of Object.keys(variants)) expect(text).toContain(`${variantsAt}/${name}.ts`);
});
