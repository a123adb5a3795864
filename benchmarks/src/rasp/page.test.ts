import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';

it('computes every line of docs/algorithms.md', async () => {
  const page = new URL('../../../docs/algorithms.md', import.meta.url);
  const modules = { 'benchmarks/rasp': () => import('./index.ts') };
  expect(await runReadme(page, modules, { joined: true })).toEqual({ blocks: 6, asserted: 8 });
});
