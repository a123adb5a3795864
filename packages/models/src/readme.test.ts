import * as attention from '@headwise/attention-variants';
import * as positional from '@headwise/positional';
import * as tensor from '@headwise/tensor';
import * as jinja from '@huggingface/jinja';
import * as tokenizers from '@huggingface/tokenizers';
import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';
import * as models from './index.ts';

it('runs the README', async () => {
  const ran = await runReadme(new URL('../README.md', import.meta.url), {
    '@headwise/attention-variants': async () => attention,
    '@headwise/models': async () => models,
    '@headwise/positional': async () => positional,
    '@headwise/tensor': async () => tensor,
    '@huggingface/jinja': async () => jinja,
    '@huggingface/tokenizers': async () => tokenizers,
  });
  expect(ran).toEqual({ blocks: 8, asserted: 20 });
});
