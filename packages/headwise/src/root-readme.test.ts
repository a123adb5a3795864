import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';

it('runs the samples of the repository’s README', async () => {
  const ran = await runReadme(new URL('../../../README.md', import.meta.url), {
    '@headwise/attention-variants': () => import('@headwise/attention-variants'),
    '@headwise/models': () => import('@headwise/models'),
    '@headwise/positional': () => import('@headwise/positional'),
    '@headwise/sampling': () => import('@headwise/sampling'),
    '@headwise/tensor': () => import('@headwise/tensor'),
  });
  expect(ran).toEqual({ blocks: 2, asserted: 2 });
});
