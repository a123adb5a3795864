/**
 * Everything that `npm test` checks, with a table at its end: what was looked at, how it ended, how long it took. Steps
 * that take one core each run beside each other. A step that fails is shown whole, and the others go on.
 *
 *   npm test                        all but what has a job of its own
 *   npm test -- lint types          these steps
 *   npm test -- --all               those with a job of their own too: gpu, pages, site, consumers
 *   npm test -- long                properties, tried a hundred times as often, with new seeds: hours
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** How a step ended. */
interface Outcome {
  readonly failed: boolean;
  /** In a few words: how many, or why not. */
  readonly note: string;
  readonly output: string;
}

interface Step {
  readonly name: string;
  readonly what: string;
  /** Its job, where it has one: the table says how to run it. With `--all`, or when it is named, it runs here. */
  readonly job?: string;
  /** Hours: runs when it is named, and never with `--all`. */
  readonly endless?: true;
  /** Uses one core: steps of which this is said, one behind the other, run beside each other. */
  readonly oneCore?: true;
  readonly run: () => Promise<Outcome>;
}

const node =
  (...args: string[]): (() => Promise<Outcome>) =>
  () =>
    command(process.execPath, args);
const tsx = (file: string): (() => Promise<Outcome>) => node('--import', 'tsx', file);
const testsOf = (project: string): readonly string[] => [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--project',
  project,
];
const vitest = (project: string): (() => Promise<Outcome>) => node(...testsOf(project));

const steps: readonly Step[] = [
  {
    name: 'build',
    what: 'every package, code and declarations',
    run: node(
      'scripts/with-pnpm.mjs',
      'exec',
      'turbo',
      'run',
      'build',
      'build:types',
      '--output-logs=errors-only',
    ),
  },
  {
    name: 'types',
    what: 'tsc over all sources',
    oneCore: true,
    run: node('node_modules/typescript/bin/tsc', '--noEmit'),
  },
  {
    name: 'docs',
    what: 'doc comments say what is thrown',
    oneCore: true,
    run: tsx('tooling/check-docs.ts'),
  },
  {
    name: 'packages',
    what: 'publint and are-the-types-wrong',
    oneCore: true,
    run: tsx('tooling/check-packages.ts'),
  },
  {
    name: 'lint',
    what: 'biome',
    oneCore: true,
    run: node('node_modules/@biomejs/biome/bin/biome', 'check', '.'),
  },
  { name: 'layers', what: 'imports between packages', oneCore: true, run: tsx('tooling/check-layers.ts') },
  { name: 'circles', what: 'imports between files', oneCore: true, run: tsx('tooling/check-circles.ts') },
  {
    name: 'unused',
    what: 'files and dependencies that nothing imports (knip)',
    oneCore: true,
    run: node('node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints'),
  },
  {
    name: 'dependencies',
    what: 'licences, and one version of each',
    oneCore: true,
    run: async () => dependencies(),
  },
  { name: 'unit', what: 'tests in Node, samples of documents', run: vitest('node') },
  { name: 'dist', what: 'built files: sizes, commands, the guide', run: vitest('dist') },
  {
    name: 'browser',
    what: 'tests in Chromium: threads, limits, the page',
    run: node('--import', 'tsx', 'tooling/browser-tests.ts', 'browser'),
  },
  {
    name: 'gpu',
    what: 'all operations, variants, caches and cases on WebGL and WebGPU',
    job: 'npm run test:gpu',
    run: node('--import', 'tsx', 'tooling/browser-tests.ts', 'gpu'),
  },
  {
    name: 'pages',
    what: 'the playground as it is published, in Chromium',
    job: 'npm run test:pages',
    run: vitest('pages'),
  },
  {
    name: 'site',
    what: 'documentation, and links that lead nowhere',
    job: 'npm run docs',
    run: node('scripts/docs.mjs'),
  },
  {
    name: 'consumers',
    what: 'tarballs in fresh projects',
    job: 'npm run test:consumers',
    run: vitest('consumers'),
  },
  {
    name: 'long',
    what: 'properties a hundred times as often, new seeds',
    job: 'npm run test:long',
    endless: true,
    run: () => command(process.execPath, [...testsOf('node'), ...longTests()], { HEADWISE_LONG: '1' }),
  },
];

/** Licences that ask for nothing but their text. */
const permissive = /^\(?(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|CC0-1\.0|Unlicense)\b/;

/** Tests that try more when they are given the time. */
function longTests(): readonly string[] {
  const folders = readdirSync(join(root, 'packages')).map((name) => join('packages', name, 'src'));
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.test.ts') && !/\.(browser|gpu)\.test\.ts$/.test(path))
      .map((path) => join(folder, path))
      .filter((path) => /HEADWISE_LONG|propertyRuns/.test(readFileSync(join(root, path), 'utf8'))),
  );
}

/** What the command line carries in its bundle, and so brings along without naming it. */
const carried = ['echarts', 'cli-table3'];

/** What the published packages bring along: each with a permissive licence, and in one version. */
function dependencies(): Outcome {
  const problems: string[] = [];
  const versions = new Map<string, Set<string>>();
  for (const name of readdirSync(join(root, 'packages'))) {
    const folder = join(root, 'packages', name);
    if (!existsSync(join(folder, 'package.json'))) continue;
    const { dependencies: brought = {} } = manifest(folder);
    for (const dependency of Object.keys(brought))
      visit(join(folder, 'node_modules', dependency), dependency);
  }
  for (const name of carried) visit(join(root, 'benchmarks/node_modules', name), name);
  for (const [name, found] of versions)
    if (found.size > 1) problems.push(`${name} comes in ${[...found].join(' and ')}`);
  return {
    failed: problems.length > 0,
    note: `${versions.size} packages`,
    output: `${problems.join('\n')}\n`,
  };

  function visit(folder: string, name: string): void {
    if (name.startsWith('@headwise/')) return;
    if (!existsSync(folder)) {
      problems.push(`${name} is not installed at ${folder.slice(root.length)}`);
      return;
    }
    const { version = '?', license = 'none', dependencies: further = {} } = manifest(folder);
    const known = versions.get(name) ?? new Set();
    if (known.has(version)) return;
    versions.set(name, known.add(version));
    if (!permissive.test(license)) problems.push(`${name} ${version} has the licence ${license}`);
    // pnpm puts what a package depends on beside it
    const [, beside] = /^(.*[\\/]node_modules)[\\/]/.exec(realpathSync(folder)) ?? [];
    for (const inner of Object.keys(further)) visit(join(beside ?? folder, inner), inner);
  }
}

function manifest(folder: string): {
  readonly version?: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
} {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

/** Runs a command; its output is shown when it fails, and what it says of its tests goes into the table. */
function command(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const child = spawn(program, [...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: string[] = [];
  child.stdout.on('data', (chunk) => chunks.push(String(chunk)));
  child.stderr.on('data', (chunk) => chunks.push(String(chunk)));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ failed: true, note: error.message, output: error.message }));
    child.on('close', (code) => {
      const output = chunks.join('');
      resolve({ failed: code !== 0, note: code === 0 ? noteOf(output) : `exit ${code}`, output });
    });
  });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours of a terminal begin with one
const COLOURS = /\x1b\[[0-9;]*m/g;

/** `1530 passed, 12 skipped`, and the reasons that were printed for what is left out. */
function noteOf(output: string): string {
  const plain = output.replace(COLOURS, '');
  const tests = /^\s*Tests\s+(.+?)\s+\(\d+\)$/m.exec(plain)?.[1]?.replaceAll(' | ', ', ');
  const without = /no Chromium[^\n]*/.exec(plain)?.[0];
  return [tests, without].filter((part) => part !== undefined).join('; ');
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const asked = process.argv.slice(2).filter((argument) => argument !== '--');
const all = asked.includes('--all');
const named = asked.filter((argument) => argument !== '--all');
const unknown = named.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(
    `check: there is no step ${unknown.join(', ')}; there are ${steps.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}

const rows = new Map<string, string[]>();
const failed: string[] = [];

async function perform({ name, what, run }: Step): Promise<void> {
  const started = performance.now();
  const { failed: broken, note, output } = await run();
  const seconds = `${((performance.now() - started) / 1000).toFixed(0)} s`;
  console.log(`${name}: ${what} … ${broken ? 'FAILED' : 'ok'}, ${seconds}`);
  if (broken) {
    console.log(output);
    failed.push(name);
  }
  rows.set(name, [broken ? '✗' : '✓', name, what, seconds, note]);
}

const begun = performance.now();
const waiting = steps.filter((step) => {
  if (named.length > 0) return named.includes(step.name);
  return step.job === undefined || (all && !step.endless);
});
while (waiting.length > 0) {
  const beside = waiting.findIndex((step) => !step.oneCore);
  const group = waiting.splice(0, Math.max(1, beside === -1 ? waiting.length : beside));
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (let step = group.shift(); step !== undefined; step = group.shift()) await perform(step);
    }),
  );
  // what is not built cannot be looked at
  if (failed.includes('build')) break;
}
for (const { name, what, job } of steps)
  if (named.length === 0 && job !== undefined && !rows.has(name))
    rows.set(name, ['–', name, what, '', `not run: ${job}`]);
console.log(`\n${table(steps.flatMap(({ name }) => (rows.has(name) ? [rows.get(name)!] : [])))}\n`);
const minutes = (performance.now() - begun) / 60_000;
console.log(`${minutes.toFixed(1)} minutes on ${availableParallelism()} cores.`);
if (failed.length > 0) console.log(`Failed: ${failed.join(', ')}. One alone: npm test -- ${failed[0]}`);
process.exitCode = failed.length > 0 ? 1 : 0;
