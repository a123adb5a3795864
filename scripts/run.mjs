// `pnpm headwise …` and `pnpm bench …`: builds what is stale, then runs the built command.
// The build speaks on standard error only, so that `--json` leaves one document on standard output.
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

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

const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };
const build = spawnSync(
  'pnpm',
  ['exec', 'turbo', 'run', 'build', `--filter=${command.filter}...`, '--output-logs=errors-only'],
  {
    cwd: root,
    env,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  },
);
if (build.status !== 0) process.exit(build.status ?? 1);

// INIT_CWD is where the person typed the command, so that relative paths mean what they see
const child = spawn(process.execPath, [`${root}/${command.bin}`, ...args], {
  cwd: process.env.INIT_CWD ?? process.cwd(),
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
