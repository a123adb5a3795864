// `npm run playground`: the page with a server that follows changes; `npm run playground -- build` writes static files.
// `hint` says how to open it. Installs what a fresh clone lacks; the page's own config compiles the kernels.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkNode, install, pnpm, root } from './launch.mjs';

checkNode();
process.on('SIGINT', () => {});
const [task = 'dev', ...args] = process.argv.slice(2);
if (task === 'hint') {
  console.log('\nSee it at work in your browser: npm run playground');
  process.exit(0);
}
// a browser opens where somebody sits in front of it
const open = process.stdout.isTTY ? ['--open'] : [];
const installed = existsSync(join(root, 'node_modules/.modules.yaml')) ? 0 : await install();
process.exitCode =
  installed === 0
    ? await pnpm(['--filter', 'playground', 'exec', 'vite', ...(task === 'dev' ? open : [task]), ...args])
    : installed;
