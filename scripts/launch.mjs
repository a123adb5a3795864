// How everything here starts pnpm: the exact one that package.json names. It need not be installed, npx brings it.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const { packageManager, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/**
 * The command and the arguments that start pnpm, for a process of one's own. Under `pnpm run` it is on the PATH and
 * starts at once; a pnpm that somebody has installed may be another version, so it is left alone.
 *
 * @param {readonly string[]} args
 * @returns {[command: string, args: string[]]}
 */
export function pnpmCommand(args) {
  const agent = process.env.npm_config_user_agent ?? '';
  const path = (process.env.PATH ?? process.env.Path ?? '').split(delimiter);
  const names = process.platform === 'win32' ? ['pnpm.cmd', 'pnpm.exe'] : ['pnpm'];
  const here = path.some((folder) => names.some((name) => existsSync(join(folder, name))));
  return agent.startsWith(`${packageManager.replace('@', '/')} `) && here
    ? ['pnpm', [...args]]
    : ['npx', ['--yes', packageManager, ...args]];
}

/**
 * Runs pnpm in the root of the repository.
 *
 * @param {readonly string[]} args
 * @param {import('node:child_process').StdioOptions} stdio
 * @param {(text: string) => void} [hear] is told what comes through pipes
 * @returns {Promise<number>} its exit status
 */
export function pnpm(args, stdio = 'inherit', hear) {
  const [command, all] = pnpmCommand(args);
  const child = spawn(command, all, {
    cwd: root,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
    stdio,
    shell: process.platform === 'win32',
  });
  child.stdout?.on('data', (chunk) => hear?.(String(chunk)));
  child.stderr?.on('data', (chunk) => hear?.(String(chunk)));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`headwise: ${command} could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** Installs what the lockfile says. @param {import('node:child_process').StdioOptions} stdio */
export function install(stdio = 'inherit') {
  return pnpm(['install', '--frozen-lockfile', '--prefer-offline'], stdio);
}

/** Ends the process where Node is older than the packages take. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(
    `headwise: Node ${process.versions.node} is too old, ${engines.node} is needed. Node 22 or 24 is best.`,
  );
  process.exit(1);
}
