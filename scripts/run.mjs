// `pnpm headwise …` and `pnpm bench …`: builds what is stale, then becomes the built command.
// The build speaks on standard error only, so that `--json` leaves one document on standard output.
import { spawn } from 'node:child_process';
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

const { status, output } = await build(command.filter);
if (status !== 0) {
  process.stderr.write(output);
  process.exit(status);
}

// INIT_CWD is where the person typed the command, so that relative paths mean what they see
if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
const bin = `${root}/${command.bin}`;
process.argv = [process.execPath, bin, ...args];
await import(pathToFileURL(bin).href);

/** Silent when all is fresh; one line when it takes a while; everything when it fails. */
function build(filter) {
  const child = spawn(
    'pnpm',
    ['exec', 'turbo', 'run', 'build', `--filter=${filter}...`, '--output-logs=errors-only'],
    {
      cwd: root,
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    },
  );
  const notice = setTimeout(() => console.error('headwise: building what is stale …'), 1500);
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  return new Promise((resolve) => {
    const end = (code, last = '') => {
      clearTimeout(notice);
      resolve({ status: code, output: `${Buffer.concat(chunks)}${last}` });
    };
    child.on('error', (error) => end(1, `headwise: pnpm could not be started: ${error.message}\n`));
    child.on('close', (code) => end(code ?? 1));
  });
}
