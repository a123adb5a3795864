import * as tensor from '@headwise/tensor';
import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';
import * as attentionVariants from './index.ts';
import { variants } from './registry.ts';

it('runs the README', async () => {
  const ran = await runReadme(new URL('../README.md', import.meta.url), {
    '@headwise/tensor': async () => tensor,
    '@headwise/attention-variants': async () => attentionVariants,
  });
  expect(ran).toEqual({ blocks: 2, asserted: 5 });
});

it.each(Object.entries(variants))('exports %s under its camel-case name', (name, variant) => {
  const exported = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  expect((attentionVariants as Record<string, unknown>)[exported]).toBe(variant);
});
