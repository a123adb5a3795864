import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { plots } from './positional.ts';

it.each(Object.entries(await plots()))('the plot of %s is drawn from the present tables', (name, svg) => {
  const file = new URL(`../../packages/positional/plots/${name}.svg`, import.meta.url);
  const cure = 'run: pnpm exec tsx --conditions=@headwise/source tooling/plots/positional.ts';
  expect(existsSync(file), cure).toBe(true);
  expect(readFileSync(file, 'utf8') === svg, cure).toBe(true);
});
