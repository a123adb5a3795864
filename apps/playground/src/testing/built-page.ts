import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

const playground = fileURLToPath(new URL('../..', import.meta.url));
const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin/vite.js');

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder with the page as it is published. */
    readonly builtPage: string;
  }
}

/** Builds the page once for all files of tests. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'headwise-playground-'));
  const outDir = join(folder, 'page');
  // a process of its own, since a test's NODE_ENV makes another page
  execFileSync(
    process.execPath,
    [vite, 'build', '--outDir', outDir, '--emptyOutDir', '--logLevel', 'error'],
    { cwd: playground, env: { ...process.env, NODE_ENV: 'production' } },
  );
  project.provide('builtPage', outDir);
  return () => rmSync(folder, { recursive: true, force: true });
}
