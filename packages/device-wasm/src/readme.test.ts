import * as tensor from '@headwise/tensor';
import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';
import * as wasm from './index.ts';

it('runs the README', async () => {
  const ran = await runReadme(new URL('../README.md', import.meta.url), {
    '@headwise/tensor': async () => tensor,
    '@headwise/device-wasm': async () => wasm,
  });
  expect(ran).toEqual({ blocks: 1, asserted: 1 });
});
