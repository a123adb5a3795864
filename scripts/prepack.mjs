// Before a package is packed: everything that its package.json names is there. Code and declarations are two tasks, and
// whoever has only run a command has the first; what is missing is built, so that no tarball goes without its types.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm } from './launch.mjs';

const folder = process.cwd();
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** The files under `dist` that `exports` names, at any depth; a `*` stands for every file of a folder. */
function named(value) {
  if (typeof value === 'string') return value.startsWith('./dist/') ? [value] : [];
  return Object.values(value).flatMap(named);
}

function missing() {
  return named(manifest.exports).filter((path) => {
    const [before, after] = path.split('*');
    if (after === undefined) return !existsSync(join(folder, path));
    return !(
      existsSync(join(folder, before)) &&
      readdirSync(join(folder, before)).some((name) => name.endsWith(after))
    );
  });
}

if (missing().length > 0) {
  const tasks = ['exec', 'turbo', 'run', 'build', 'build:types', `--filter=${manifest.name}`];
  const status = await pnpm([...tasks, '--output-logs=errors-only'], ['ignore', 2, 2]);
  if (status !== 0) process.exit(status);
}
const still = missing();
if (still.length > 0) {
  console.error(`${manifest.name}: ${still.join(', ')} would be missing from the package`);
  process.exit(1);
}
