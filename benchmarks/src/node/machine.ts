import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import type { MachineFacts } from '../results.ts';

const packages = [
  '@headwise/tensor',
  '@headwise/attention-variants',
  '@headwise/kv-cache',
  '@headwise/models',
  'gpu.js',
];

/** This machine, as it is at the start of a run. */
export function machineFacts(): Omit<MachineFacts, 'clockStepMs'> {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() || `unknown ${os.arch()} processor`,
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    system: `${os.platform()} ${os.release()} ${os.arch()}`,
    runtime: `Node ${process.versions.node}, V8 ${process.versions.v8}`,
    // Windows has none and reports zeros
    ...(os.platform() !== 'win32' && { loadAverage: os.loadavg() }),
    ...commit(),
    versions: Object.fromEntries(
      packages.flatMap((name) => {
        const version = versionOf(name);
        return version === undefined ? [] : [[name, version]];
      }),
    ),
  };
}

/** Bytes that this process may still take: what the system and, in a container, its limit leave. */
export function availableBytes(): number {
  const free = os.freemem();
  const limit = process.constrainedMemory?.() ?? 0;
  // without a limit Node answers 0 or a number beyond all memory
  if (limit <= 0 || limit > os.totalmem()) return free;
  return Math.min(free, Math.max(0, limit - process.memoryUsage().rss));
}

function commit(): Pick<MachineFacts, 'commit' | 'uncommitted'> {
  // installed, it would be the commit of the project around it
  if (/[\\/]node_modules[\\/]/.test(fileURLToPath(import.meta.url))) return {};
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return { commit: git('rev-parse', 'HEAD'), uncommitted: git('status', '--porcelain') !== '' };
  } catch {
    return {}; // a copy without its history
  }
}

/** Of a package that is installed here. */
function versionOf(name: string): string | undefined {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')).version;
    } catch {
      // the next folder of the search
    }
  }
  return undefined;
}
