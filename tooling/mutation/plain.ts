/**
 * Mutation testing for a machine with little time: changes the text of a copy, and runs the tests that come to the changed
 * function one after the other, the nearest first, up to the first that fails. A change that is noticed costs seconds. What
 * was found is written down at once, and a run that was ended goes on where it was, as long as no text has changed.
 *
 * pnpm mutation:plain tensor --sample 60 --seed 1
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutantsOf, type PlainMutant, probed } from './mutants.ts';
import { wilson } from './summary.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { sample: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
});
const [name = ''] = positionals;
const [sample, seed] = [Number(values.sample), Number(values.seed)];
if (!existsSync(join(root, 'packages', name, 'src')) || !(sample > 0) || !Number.isInteger(seed)) {
  console.error('usage: npm run mutation:plain -- PACKAGE [--sample N] [--seed S]');
  process.exit(2);
}

/**
 * Kernels, generated code, kits, lists of names and what only tests use change nothing that a test of the package sees;
 * engines of WebGL and WebGPU run in a browser, and so do their tests.
 */
const LEFT_OUT =
  /\.test\.ts$|\.d\.ts$|[\\/](testing|conformance|generated)[\\/]|\.kernel\.ts$|[\\/](index|registry|testing[-\w]*|gl-texture|webgpu-engine|node-webgpu)\.ts$/;
const HANGS_MS = 1_800_000;
const NOT_RUN = /browser|gpu\.test|dist|readme/;

const copy = mkdtempSync(join(tmpdir(), 'headwise-mutants-'));
process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const entry of [
  'packages',
  'tooling/mutation',
  'vitest.config.ts',
  'package.json',
  'tsconfig.json',
  'tsconfig.base.json',
])
  cpSync(join(root, entry), join(copy, entry), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !path.endsWith(`${sep}dist`),
  });
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

const src = join(copy, 'packages', name, 'src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort();
const texts = new Map(files.map((file) => [file, readFileSync(join(src, file), 'utf8')]));
const tests = files.filter((file) => file.endsWith('.test.ts') && !NOT_RUN.test(file));
const mutants = files
  .filter((file) => !LEFT_OUT.test(`${sep}${file}`))
  .flatMap((file) => mutantsOf(texts.get(file)!).map((mutant) => ({ file, mutant })));

const chosen = spread(mutants);
console.log(`${name}: ${mutants.length} mutants, ${chosen.length} of them are tried`);

/** What was found before, one line each: the texts it was found of, who comes where, and how each change ended. */
const journal = join(root, 'reports', 'mutation', `${name}.${sample}.${seed}.jsonl`);
mkdirSync(join(root, 'reports', 'mutation'), { recursive: true });
const stamp = createHash('sha256')
  .update(JSON.stringify([...texts]))
  .digest('hex');
const [kept, ...found] = existsSync(journal)
  ? readFileSync(journal, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  : [];
const reached: readonly (readonly string[])[] = kept?.stamp === stamp ? kept.reached : whoComesWhere();
if (kept?.stamp !== stamp) {
  found.length = 0;
  writeFileSync(journal, `${JSON.stringify({ stamp, reached })}\n`);
}

for (const [n, { file, mutant }] of chosen.entries()) {
  const was = texts.get(file)!.slice(mutant.start, mutant.end).replace(/\s+/g, ' ').slice(0, 80);
  const what = `${file}:${mutant.line} ${mutant.kind}: ${was} → ${mutant.to.slice(0, 40)}`;
  if (n >= found.length) {
    found.push({ what, by: killerOf(file, mutant, reached[n]!) });
    appendFileSync(journal, `${JSON.stringify(found[n])}\n`);
  }
  const { by } = found[n]!;
  const alone = reached[n]!.length === 0 ? 'no test comes here' : `of ${reached[n]!.length} files`;
  console.log(`${n + 1} ${by === undefined ? 'SURVIVED' : 'killed'} ${what}  ${by ? `by ${by}` : alone}`);
}
const killed = found.filter(({ by }) => by !== undefined).length;
const [low, high] = wilson(killed, chosen.length);
const percent = (part: number): string => (100 * part).toFixed(0);
console.log(`${percent(killed / chosen.length)} % killed (95 %: ${percent(low)} to ${percent(high)})`);

/** Every so many-th, in an order in which each beginning of the list is spread over the files, too. */
function spread<One>(all: readonly One[]): One[] {
  const every = all.length / sample;
  const golden = 0.618_033_988_749_895;
  const drawn = Array.from(
    { length: sample },
    (_, i) => all[Math.floor(((seed * golden) % 1) * every + i * every)]!,
  );
  const place = drawn.map((one, i) => [(i * golden) % 1, one] as const);
  return place.sort(([a], [b]) => a - b).map(([, one]) => one);
}

/** The tests that come to the function of each change. They must pass, or every change would count as noticed. */
function whoComesWhere(): string[][] {
  const places = new Map<string, Map<number, number>>();
  for (const [n, { file, mutant }] of chosen.entries())
    places.set(file, (places.get(file) ?? new Map()).set(n, mutant.start));
  for (const [file, starts] of places) writeFileSync(join(src, file), probed(texts.get(file)!, starts));
  const list = join(copy, 'reached.jsonl');
  const failed = failure(tests, '', { HEADWISE_REACHED: list });
  for (const file of places.keys()) writeFileSync(join(src, file), texts.get(file)!);
  if (failed !== undefined) {
    console.error(`the tests of ${name} fail before anything is changed: ${failed}`);
    process.exit(1);
  }
  const by = readFileSync(list, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line): readonly [string, readonly number[]] => JSON.parse(line));
  return chosen.map((_, n) => by.filter(([, seen]) => seen.includes(n)).map(([path]) => relative(src, path)));
}

/** The first test that fails of a changed file, or undefined: first without what gpu.js has to compile. */
function killerOf(
  file: string,
  { start, end, to }: PlainMutant,
  some: readonly string[],
): string | undefined {
  const text = texts.get(file)!;
  writeFileSync(join(src, file), text.slice(0, start) + to + text.slice(end));
  const near = nearTests(file).filter((test) => some.includes(test));
  const order = [...near, ...some.filter((test) => !near.includes(test))];
  try {
    return failure(order, '^(?!.*gpujs:)') ?? failure(order, 'gpujs:');
  } finally {
    writeFileSync(join(src, file), text);
  }
}

/** The first of these tests that fails, how the run ended where it was none of them, or undefined. */
function failure(some: readonly string[], pattern: string, env: NodeJS.ProcessEnv = {}): string | undefined {
  if (some.length === 0) return undefined;
  const config = join('tooling', 'mutation', 'plain.config.ts');
  const { stdout, stderr, status, signal } = spawnSync(
    process.execPath,
    [
      join('node_modules', 'vitest', 'vitest.mjs'),
      'run',
      ...['--config', config, '--root', copy],
      ...['--bail', '1', '--passWithNoTests'],
      ...(pattern ? ['--testNamePattern', pattern] : []),
    ],
    {
      cwd: copy,
      encoding: 'utf8',
      timeout: HANGS_MS,
      maxBuffer: 2 ** 28,
      env: { ...process.env, ...env, HEADWISE_MUTATED: name, HEADWISE_TESTS: JSON.stringify(some) },
    },
  );
  if (status === 0) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: vitest writes in colours
  const plain = `${stdout}\n${stderr}`.replace(/\u001b\[\d+m/g, '');
  return /FAIL\s+([^\n]*)/.exec(plain)?.[1] ?? (signal === 'SIGTERM' ? 'time' : `exit ${status ?? signal}`);
}

/** The test beside a file, those that import it, and those beside what imports it. */
function nearTests(file: string): string[] {
  const beside = (one: string): string => one.replace(/\.ts$/, '.test.ts');
  const importers = files.filter((other) => texts.get(other)!.includes(`/${basename(file)}'`));
  const near = [beside(file), ...importers, ...importers.map(beside)];
  return [...new Set(near)].filter((test) => tests.includes(test));
}
