import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { softmaxVariant } from '@headwise/attention-variants';
import { createReference, scope, type zeros } from '@headwise/tensor';
import { afterAll, expect, it } from 'vitest';
import { loadVariants } from './outside.ts';

// far from the repository, where none of the packages is installed
const folder = mkdtempSync(join(tmpdir(), 'bench-outside-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const paper = `{ title: 'None', authors: 'Nobody', year: 2026 }`;

it('loads a TypeScript file from anywhere, with what it imports beside it', async () => {
  write('size.ts', 'export const size: number = 5;');
  const file = write(
    'mine.ts',
    `import { softmaxVariant } from '@headwise/attention-variants';
import { zeros } from '@headwise/tensor';
import { size } from './size.ts';
export const mine = softmaxVariant({
  name: 'mine', title: 'Mine', summary: '', paper: ${paper},
  defaults: { Hkv: size as number | undefined },
  score: () => ({ causal: true }),
});
export default mine;
export const makeZeros = zeros;`,
  );
  const [loaded, ...others] = await loadVariants(file);
  expect(others).toEqual([]);
  expect(loaded).toMatchObject({ file, variant: { name: 'mine', defaults: { Hkv: 5 } } });
});

it('gives it the packages of this process, so that what it makes is freed with the rest', async () => {
  const file = write(
    'same.ts',
    `import { softmaxVariant } from '@headwise/attention-variants';
import { zeros } from '@headwise/tensor';
const variant = softmaxVariant({
  name: 'same', title: 'Same', summary: '', paper: ${paper},
  defaults: { Hkv: undefined as number | undefined }, score: () => ({ causal: true }),
});
export default { ...variant, factory: softmaxVariant, make: zeros };`,
  );
  const [loaded] = await loadVariants(file);
  const { factory, make } = loaded!.variant as unknown as { factory: unknown; make: typeof zeros };
  expect(factory).toBe(softmaxVariant);
  const device = createReference();
  scope(() => void make(device, [4]));
  expect(device.memory.buffers).toBe(0);
});

it.each([
  ['a file that is not there', 'nowhere.ts', undefined, /: there is no file .*nowhere\.ts$/],
  ['a file that does not compile', 'broken.ts', 'export default {', / cannot be loaded: /],
  ['a file that throws', 'throws.ts', 'throw new Error("out of paper");', / cannot be loaded: out of paper$/],
  [
    'a file without a variant',
    'empty.ts',
    'export const answer = 42;',
    /empty\.ts exports no variant \(it exports answer\); export what defineVariant or softmaxVariant returns$/,
  ],
  ['an empty file', 'nothing.ts', '', /\(it exports nothing\)/],
])('refuses %s', async (_, name, text, message) => {
  const file = text === undefined ? join(folder, name) : write(name, text);
  await expect(loadVariants(file)).rejects.toThrow(message);
});
