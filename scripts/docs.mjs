// `npm run docs`: the documentation site; `npm run docs -- dev` serves it and follows changes. Installs what a fresh clone
// lacks, and compiles the kernels that the playground imports.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkNode, install, root } from './launch.mjs';

checkNode();
process.on('SIGINT', () => {});
const installed = existsSync(join(root, 'node_modules/.modules.yaml')) ? 0 : await install();
process.exitCode = installed === 0 ? await run() : installed;

/** @returns {Promise<number>} its exit status */
function run() {
  const flags = ['--import', 'tsx', '--conditions=@headwise/source', 'tooling/site/build.ts'];
  const child = spawn(process.execPath, [...flags, ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  });
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}
