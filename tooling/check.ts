/**
 * Everything that `npm test` checks, one after the other, with a table at its end: what was looked at, how it ended, how
 * long it took. A step that fails is shown whole, and the others go on.
 *
 *   npm test                        all but what is slow
 *   npm test -- lint types          these steps
 *   npm test -- --all               the slow ones too: site, consumers
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
  /** Runs with `--all`, or when it is named; the table says so otherwise. */
  readonly slow?: string;
  readonly run: () => Promise<Outcome>;
}

const node =
  (...args: string[]): (() => Promise<Outcome>) =>
  () =>
    command(process.execPath, args);
const tsx = (file: string): (() => Promise<Outcome>) => node('--import', 'tsx', file);
const vitest = (project: string): (() => Promise<Outcome>) =>
  node('node_modules/vitest/vitest.mjs', 'run', '--project', project);

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
  { name: 'lint', what: 'biome', run: node('node_modules/@biomejs/biome/bin/biome', 'check', '.') },
  { name: 'types', what: 'tsc over all sources', run: node('node_modules/typescript/bin/tsc', '--noEmit') },
  { name: 'layers', what: 'imports between packages', run: tsx('tooling/check-layers.ts') },
  { name: 'circles', what: 'imports between files', run: tsx('tooling/check-circles.ts') },
  { name: 'docs', what: 'doc comments say what is thrown', run: tsx('tooling/check-docs.ts') },
  {
    name: 'unused',
    what: 'files and dependencies that nothing imports (knip)',
    run: node('node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints'),
  },
  { name: 'dependencies', what: 'licences, and one version of each', run: async () => dependencies() },
  { name: 'packages', what: 'publint and are-the-types-wrong', run: tsx('tooling/check-packages.ts') },
  { name: 'unit', what: 'tests in Node, samples of documents', run: vitest('node') },
  { name: 'dist', what: 'built files: sizes, commands, the guide', run: vitest('dist') },
  { name: 'browser', what: 'tests in Chromium', run: tsx('tooling/browser-tests.ts') },
  {
    name: 'site',
    what: 'documentation, and links that lead nowhere',
    slow: 'npm run docs',
    run: node('scripts/docs.mjs'),
  },
  {
    name: 'consumers',
    what: 'tarballs in fresh projects',
    slow: 'npm run test:consumers',
    run: vitest('consumers'),
  },
];

/** Licences that ask for nothing but their text. */
const permissive = /^\(?(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|CC0-1\.0|Unlicense)\b/;

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
    for (const inner of Object.keys(further)) visit(join(folder, 'node_modules', inner), inner);
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
function command(program: string, args: readonly string[]): Promise<Outcome> {
  const child = spawn(program, [...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
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

const rows: string[][] = [];
const failed: string[] = [];
for (const { name, what, slow, run } of steps) {
  if (named.length > 0 && !named.includes(name)) continue;
  if (slow !== undefined && !all && !named.includes(name)) {
    rows.push(['–', name, what, '', `not run: ${slow}`]);
    continue;
  }
  process.stdout.write(`${name}: ${what} … `);
  const started = performance.now();
  const { failed: broken, note, output } = await run();
  const seconds = `${((performance.now() - started) / 1000).toFixed(0)} s`;
  console.log(`${broken ? 'FAILED' : 'ok'}, ${seconds}`);
  if (broken) {
    console.log(output);
    failed.push(name);
  }
  rows.push([broken ? '✗' : '✓', name, what, seconds, note]);
  // what is not built cannot be looked at
  if (broken && name === 'build') break;
}
console.log(`\n${table(rows)}\n`);
if (failed.length > 0) console.log(`Failed: ${failed.join(', ')}. One alone: npm test -- ${failed[0]}`);
process.exitCode = failed.length > 0 ? 1 : 0;
