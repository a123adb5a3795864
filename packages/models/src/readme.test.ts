import * as attention from '@headwise/attention-variants';
import * as positional from '@headwise/positional';
import * as tensor from '@headwise/tensor';
import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';
import * as models from './index.ts';

it('runs the README', async () => {
  const ran = await runReadme(new URL('../README.md', import.meta.url), {
    '@headwise/attention-variants': async () => attention,
    '@headwise/models': async () => models,
    '@headwise/positional': async () => positional,
    '@headwise/tensor': async () => tensor,
  });
  expect(ran).toEqual({ blocks: 5, asserted: 11 });
});
