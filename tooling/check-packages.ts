/** publint and are-the-types-wrong on every published package, on the tarball that would be published. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @returns what it says, where it fails */
function run(tool: string, args: readonly string[]): Promise<string | undefined> {
  const bin = join(root, 'node_modules/.bin', tool);
  return new Promise((resolve) =>
    execFile(
      bin,
      [...args],
      { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' },
      (error, stdout, stderr) => resolve(error ? `${tool} failed\n${stdout}${stderr}` : undefined),
    ),
  );
}

const waiting = readdirSync(join(root, 'packages'));
let failed = false;
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const folder = join('packages', name);
      const entries = ['--exclude-entrypoints', 'conformance', 'testing'];
      // one after the other: both pack the same folder
      const problems = [
        await run('publint', [folder, '--strict', '--pack', 'pnpm']),
        await run('attw', [
          '--pack',
          folder,
          '--profile',
          'node16',
          ...entries,
          '--ignore-rules',
          'cjs-resolves-to-esm',
        ]),
      ].filter((problem) => problem !== undefined);
      failed ||= problems.length > 0;
      for (const problem of problems) console.error(`${name}: ${problem}`);
      if (problems.length === 0) console.log(`${name}: publint and attw agree`);
    }
  }),
);
process.exit(failed ? 1 : 0);
