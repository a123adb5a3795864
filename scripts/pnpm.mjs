// The one launcher behind `npm start` and `npm test`: installs with the exact pnpm that package.json names,
// then runs one of the workspace's scripts. Needs Node and npm only; nothing is installed globally.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const { packageManager, engines } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `headwise: Node ${process.versions.node} is too old, ${engines.node} is needed. Node 22 or 24 is best.`,
  );
  process.exit(1);
}

// Ctrl-C reaches the running command too, which saves what it has; wait for it instead of leaving first
process.on('SIGINT', () => {});

const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };
const pnpm = (...args) =>
  new Promise((resolve) => {
    const child = spawn('npx', ['--yes', packageManager, ...args], {
      cwd: root,
      env,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
    child.on('error', (error) => {
      console.error(`headwise: npx could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });

const installed = await pnpm('install', '--frozen-lockfile', '--prefer-offline');
process.exitCode = installed === 0 ? await pnpm(...process.argv.slice(2)) : installed;
