import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { variants } from '../packages/attention-variants/src/registry.ts';
import { readmes, withTable } from './readme-tables.ts';

it.each(readmes)('$file has the table of the registry', ({ file, variantsAt }) => {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  expect(text, 'run tooling/readme-tables.ts').toBe(withTable(text, variantsAt));
  for (const name of Object.keys(variants)) expect(text).toContain(`${variantsAt}/${name}.ts`);
});
