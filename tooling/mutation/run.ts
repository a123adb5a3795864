/**
 * Mutation testing: changes one expression of a package at a time and looks whether its tests notice. Run by hand, for it
 * takes hours; StrykerJS comes by npx and is no dependency of the workspace.
 *
 * pnpm mutation positional                                   a package
 * pnpm mutation positional --mutate 'packages/positional/src/row-*.ts'     some of its files
 * pnpm mutation positional --sample 80 --seed 3              80 mutants, drawn evenly over its files, and an interval
 * pnpm mutation tensor --concurrency 1                       other options of StrykerJS pass through
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { estimateInWords, estimateOf, type MutationReport, summaryOf } from './summary.ts';

const PACKAGES = ['tensor', 'kv-cache', 'positional', 'attention-variants', 'device-wasm'];
/** The newest that runs on Node 20; 10 needs 22. */
const STRYKER = '9.6.1';

const root = fileURLToPath(new URL('../..', import.meta.url));
const usage = `usage: npm run mutation -- <${PACKAGES.join(' | ')}> [--sample N [--seed S]] [options of StrykerJS]`;
const [name, ...given] = process.argv.slice(2);
const sample = numberOf('--sample');
const seed = numberOf('--seed') ?? 1;
if (!name || !PACKAGES.includes(name) || sample === 0) {
  console.error(usage);
  process.exit(2);
}
const generated = `${root}/packages/device-wasm/src/generated`;
if (!existsSync(generated)) {
  console.error(`mutation: ${generated} is missing: build first, npm run build`);
  process.exit(2);
}

const folder = `reports/mutation/${name}`;
mkdirSync(`${root}/${folder}`, { recursive: true });
const config = {
  testRunner: 'vitest',
  vitest: { configFile: 'tooling/mutation/vitest.config.ts', related: true },
  coverageAnalysis: 'perTest',
  // vitest reads past types, and the paths in a tsconfig: StrykerJS would want a compiler to rewrite them
  disableTypeChecks: false,
  tsconfigFile: 'tsconfig.none.json',
  mutate: [
    `packages/${name}/src/**/*.ts`,
    '!**/*.test.ts',
    '!**/*.d.ts',
    '!**/testing/**',
    // text that another compiler reads: a changed letter is a syntax error there, not a fault
    '!**/*.kernel.ts',
    '!**/generated/**',
    // lists of names
    '!**/index.ts',
    '!**/registry.ts',
  ],
  // names, messages and kernels in line: what a test of every letter would prove is that it was copied
  mutator: { excludedMutations: ['StringLiteral'] },
  // code that runs once when a module is loaded would have every test run for each change
  ignoreStatic: true,
  ignorePatterns: ['dist', '.turbo', 'reports', 'bench-report*', 'coverage', '/apps', '/benchmarks'],
  // a busy machine is slower than what was measured before: only what hangs is to run out of time
  timeoutMS: 60_000,
  timeoutFactor: 4,
  dryRunTimeoutMinutes: 120,
  tempDirName: 'reports/mutation/.sandbox',
  allowEmpty: false,
  ...(sample && { checkers: ['draw'], plugins: ['@stryker-mutator/*', `${root}/tooling/mutation/draw.mjs`] }),
  reporters: ['html', 'json', 'clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: `${folder}/mutation.html` },
  jsonReporter: { fileName: `${folder}/mutation.json` },
};
writeFileSync(`${root}/${folder}/stryker.config.json`, `${JSON.stringify(config, null, 2)}\n`);

const { version: vitest } = JSON.parse(readFileSync(`${root}/node_modules/vitest/package.json`, 'utf8'));
const packages = [
  `@stryker-mutator/core@${STRYKER}`,
  `@stryker-mutator/vitest-runner@${STRYKER}`,
  // the runner looks for vitest beside itself: the same one as here
  `vitest@${vitest}`,
].flatMap((one) => ['--package', one]);
const { status } = spawnSync(
  'npx',
  ['--yes', ...packages, 'stryker', 'run', `${folder}/stryker.config.json`, ...given],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      HEADWISE_MUTATED: name,
      ...(sample && { HEADWISE_DRAW: String(sample), HEADWISE_DRAW_SEED: String(seed) }),
    },
    shell: process.platform === 'win32',
  },
);
if (status === 0) {
  const report: MutationReport = JSON.parse(readFileSync(`${root}/${folder}/mutation.json`, 'utf8'));
  console.log(`\n${summaryOf(report)}`);
  if (sample) console.log(`The package: ${estimateInWords(estimateOf(report))}`);
  console.log(`Report: ${folder}/mutation.html`);
}
process.exit(status ?? 1);

/** Takes an option of ours, a whole number, out of those for StrykerJS. */
function numberOf(option: string): number | undefined {
  const at = given.indexOf(option);
  if (at < 0) return undefined;
  const [, value = ''] = given.splice(at, 2);
  if (/^\d+$/.test(value)) return Number(value);
  console.error(`mutation: ${option} must be a whole number, got ${value || 'nothing'}\n${usage}`);
  return process.exit(2);
}
