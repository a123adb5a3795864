/** publint and are-the-types-wrong on every published package, on the tarball that would be published. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
let failed = false;
for (const name of readdirSync(join(root, 'packages'))) {
  const folder = join('packages', name);
  for (const [tool, ...args] of [
    ['publint', folder, '--strict', '--pack', 'pnpm'],
    [
      'attw',
      '--pack',
      folder,
      '--profile',
      'node16',
      '--exclude-entrypoints',
      'conformance',
      'testing',
      '--ignore-rules',
      'cjs-resolves-to-esm',
    ],
  ] as const) {
    const bin = join(root, 'node_modules/.bin', tool);
    const run = spawnSync(bin, args, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' });
    if (run.status === 0) continue;
    failed = true;
    console.error(`${name}: ${tool} failed\n${run.stdout}${run.stderr}`);
  }
  if (!failed) console.log(`${name}: publint and attw agree`);
}
process.exit(failed ? 1 : 0);
