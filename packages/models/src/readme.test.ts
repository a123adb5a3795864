import { readFile } from 'node:fs/promises';
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
  expect(ran).toEqual({ blocks: 9, asserted: 21 });
});

it('puts together an encoder, a parallel decoder and both halves in ten lines each', async () => {
  const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const samples = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code!);
  for (const [what, arrangement] of [
    ['createEncoder(', 'arrange: postNorm'],
    ['createDecoder(', 'arrange: parallel'],
    ['createEncoderDecoder(', 'cross:'],
  ] as const) {
    const [sample] = samples.filter((code) => code.includes(what) && code.includes(arrangement));
    // from the device to the first result
    const [whole] = /^const device[\s\S]*?→/m.exec(sample!)!;
    const lines = whole.split('\n').filter((line) => line !== '' && !line.startsWith('//'));
    expect([what, lines.length <= 10]).toEqual([what, true]);
  }
});
