import { readFileSync } from 'node:fs';
import * as tensor from '@headwise/tensor';
import { expect, it } from 'vitest';
import { runReadme } from '../../../tooling/readme.ts';
import * as index from './index.ts';
import { headwise, temporaryFolder } from './testing/run.ts';

const readme = new URL('../README.md', import.meta.url);

it('runs the README', async () => {
  const ran = await runReadme(readme, {
    headwise: async () => index,
    '@headwise/tensor': async () => tensor,
  });
  expect(ran).toEqual({ blocks: 1, asserted: 1 });
});

const [, shell = ''] = /^```sh\n([\s\S]*?)^```/m.exec(readFileSync(readme, 'utf8')) ?? [];
const commands = shell.split('\n').filter((line) => line.startsWith('headwise '));

// needs a project with a variant and Vite: the tests of what is published try it there
const alone = commands.filter((line) => !line.startsWith('headwise bench '));

it('shows commands', async () => {
  expect(commands.length).toBe(8);
  expect(alone.length).toBe(7);
  expect((await headwise(['bench', '--help'], { cwd: temporaryFolder() })).code).toBe(0);
});

it.each(alone)('can do: %s', async (command) => {
  // a shell leaves out what stands behind #
  const argv = [...command.replace(/ +#.*$/, '').matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, word]) => quoted ?? word!,
  );
  const { code, out } = await headwise(argv.slice(1), { cwd: temporaryFolder() });
  expect(code).toBe(0);
  if (!command.includes('--logits')) expect(out.length).toBeGreaterThan(20);
});
