// `pnpm headwise …` and `pnpm bench …`: builds what is stale, then becomes the built command.
// The build speaks on standard error only, so that `--json` leaves one document on standard output.
import { spawnSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const commands = {
  headwise: { filter: 'headwise', bin: 'packages/headwise/dist/cli.js' },
  bench: { filter: 'benchmarks', bin: 'benchmarks/dist/cli.js' },
};

const root = fileURLToPath(new URL('..', import.meta.url));
const [name, ...args] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  console.error(`usage: node scripts/run.mjs <${Object.keys(commands).join(' | ')}> [arguments]`);
  process.exit(2);
}

const build = spawnSync(
  'pnpm',
  ['exec', 'turbo', 'run', 'build', `--filter=${command.filter}...`, '--output-logs=errors-only'],
  {
    cwd: root,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  },
);
if (build.status !== 0) process.exit(build.status ?? 1);

// INIT_CWD is where the person typed the command, so that relative paths mean what they see
if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
const bin = `${root}/${command.bin}`;
process.argv = [process.execPath, bin, ...args];
await import(pathToFileURL(bin).href);
