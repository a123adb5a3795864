import { readFileSync } from 'node:fs';
import * as tensor from '@headwise/tensor';
import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';
import * as index from './index.ts';
import { caches } from './registry.ts';

const readme = new URL('../README.md', import.meta.url);

it('runs the README', async () => {
  const ran = await runReadme(readme, {
    '@headwise/kv-cache': async () => index,
    '@headwise/tensor': async () => tensor,
  });
  expect(ran).toEqual({ blocks: 2, asserted: 6 });
});

it('its table is the registry', () => {
  const rows = [...readFileSync(readme, 'utf8').matchAll(/^\| \[`([a-z-]+)`\]\(([^)]+)\)(.*)\|$/gm)];
  expect(rows.map(([, name]) => name).sort()).toEqual(Object.keys(caches).sort());
  for (const [, name, file, rest] of rows) {
    const { paper, fidelity } = caches[name as keyof typeof caches] as index.CacheKind;
    expect(file).toBe(`src/caches/${name}.ts`);
    if (paper) expect(rest).toContain(`https://arxiv.org/abs/${paper.arxiv}`);
    expect(rest!.trim().endsWith('| yes')).toBe(fidelity === 'exact');
  }
});
