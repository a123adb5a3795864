import { expect, it } from 'vitest';
import { runReadme } from './readme.ts';

it('computes every number of docs/self-attention.md', async () => {
  const modules = { '@headwise/tensor': () => import('../packages/tensor/src/index.ts') };
  const page = new URL('../docs/self-attention.md', import.meta.url);
  expect(await runReadme(page, modules, { joined: true })).toEqual({ blocks: 14, asserted: 23 });
});
