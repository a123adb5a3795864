// `npx headwise …` and `npm run bench -- …` in this repository: builds what is stale, then becomes the built command.
// Installing and building speak on standard error only, so that `--json` leaves one document on standard output.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkNode, install, pnpm, root } from './launch.mjs';

const commands = {
  headwise: { filter: 'headwise', bin: 'packages/headwise/dist/cli.js' },
  bench: { filter: 'benchmarks', bin: 'benchmarks/dist/cli.js' },
};

const [name, ...args] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  console.error(`usage: node scripts/run.mjs <${Object.keys(commands).join(' | ')}> [arguments]`);
  process.exit(2);
}

checkNode();
if (!existsSync(join(root, 'node_modules/.modules.yaml'))) {
  const status = await install(['ignore', 2, 2]);
  if (status !== 0) process.exit(status);
}
const { status, output } = await build(command.filter);
if (status !== 0) {
  process.stderr.write(output);
  process.exit(status);
}

// INIT_CWD is where the person typed the command, so that relative paths mean what they see
if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
const bin = join(root, command.bin);
process.argv = [process.execPath, bin, ...args];
await import(pathToFileURL(bin).href);

/** Silent when all is fresh; one line when it takes a while; everything when it fails. */
async function build(filter) {
  const notice = setTimeout(() => console.error('headwise: building what is stale …'), 5000);
  const chunks = [];
  const turbo = ['exec', 'turbo', 'run', 'build', `--filter=${filter}...`, '--output-logs=errors-only'];
  const code = await pnpm(turbo, ['ignore', 'pipe', 'pipe'], (text) => chunks.push(text));
  clearTimeout(notice);
  return { status: code, output: chunks.join('') };
}
