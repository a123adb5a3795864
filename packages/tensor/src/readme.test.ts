import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';

it('runs the README', async () => {
  const ran = await runReadme(new URL('../README.md', import.meta.url), {
    '@headwise/tensor': () => import('./index.ts'),
  });
  expect(ran).toEqual({ blocks: 2, asserted: 6 });
});
