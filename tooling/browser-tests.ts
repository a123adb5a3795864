/**
 * Runs the browser tests where a Chromium is; says so and passes where none is, except in CI, where it fails.
 * `browser-tests.ts gpu` runs those that have a job of their own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const candidates = [process.env.CHROME_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'];
const chromium = candidates.find((path) => path && existsSync(path));
if (!chromium) {
  const message = 'browser tests: no Chromium found; set CHROME_PATH to run them';
  console.log(message);
  process.exit(process.env.CI ? 1 : 0);
}
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', process.argv[2] ?? 'browser'], {
  stdio: 'inherit',
  env: { ...process.env, CHROME_PATH: chromium },
});
process.exit(status ?? 1);
