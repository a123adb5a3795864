import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Of somebody who has Node and npm, and no pnpm. */
function environment(): NodeJS.ProcessEnv {
  const npmless = Object.entries(process.env).filter(([name]) => !/^(npm_|PNPM|INIT_CWD)/i.test(name));
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !existsSync(join(folder, 'pnpm')));
  return { ...Object.fromEntries(npmless), PATH: path.join(delimiter) };
}

const run = (command: string, ...args: string[]) =>
  promisify(execFile)(command, args, { cwd: root, env: environment() });

it('prints one JSON document and nothing before it', async () => {
  const { stdout } = await run('npx', 'headwise', 'devices', '--json');
  expect((JSON.parse(stdout) as { auto: string }).auto).toMatch(/^(wasm|gpujs:)/);
});

it('runs the benchmark by npm', async () => {
  const { stdout } = await run('npm', 'run', '--silent', 'bench', '--', '--help');
  expect(stdout).toMatch(/^npm run bench --\n/);
  expect(stdout).toContain('--compare <results.json>');
});
