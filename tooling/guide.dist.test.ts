import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

// the walk-through of docs/write-a-variant.md, carried out outside the repository

const root = fileURLToPath(new URL('..', import.meta.url));
const guide = readFileSync(join(root, 'docs/write-a-variant.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'headwise-guide-'));
const project = join(folder, 'gated-output');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const python = ['python3', 'python'].find((name) => spawnSync(name, ['--version']).status === 0);
if (!python)
  console.log(
    'guide: its golden values are not computed, there is no Python; the tests that need them are skipped',
  );

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** `npm test` of the project: what failed, and how many passed. */
function runKit(): {
  readonly failed: readonly string[];
  readonly messages: string;
  readonly passed: number;
} {
  const report = join(project, 'report.json');
  rmSync(report, { force: true });
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const { HEADWISE_DEVICES: _, ...env } = process.env;
  // a busy machine is many times slower than the seconds that a test has of itself
  const patient = ['--testTimeout', '600000'];
  const run = spawnSync(
    process.execPath,
    [vitest, 'run', ...patient, '--reporter', 'json', '--outputFile', report],
    { cwd: project, encoding: 'utf8', env },
  );
  expect(existsSync(report), `${run.stdout}${run.stderr}`).toBe(true);
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const bad = all.filter(({ status }) => status === 'failed');
  return {
    failed: bad.map(({ title }) => title),
    messages: bad.flatMap(({ failureMessages }) => failureMessages).join('\n'),
    passed: all.length - bad.length,
  };
}

/** A file as the guide gives it. */
function given(path: string): string {
  const start = guide.indexOf(`file=${path}\n`);
  expect(start, `the guide has no ${path}`).toBeGreaterThan(0);
  const begin = guide.indexOf('\n', start) + 1;
  return guide.slice(begin, guide.indexOf('\n```\n', begin) + 1);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), text);
}

/** What npm would install: the built packages, as they are published. */
beforeAll(() => {
  execFileSync(
    process.execPath,
    [join(root, 'packages/headwise/dist/cli.js'), 'new', 'variant', 'gated-output'],
    {
      cwd: folder,
    },
  );
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, '@headwise'), { recursive: true });
  for (const name of ['tensor', 'attention-variants', 'device-wasm'])
    symlinkSync(join(root, 'packages', name), join(modules, '@headwise', name), 'dir');
  symlinkSync(join(root, 'node_modules/vitest'), join(modules, 'vitest'), 'dir');
  mkdirSync(join(modules, '.bin'));
  symlinkSync(join(root, 'packages/headwise/bin/headwise.mjs'), join(modules, '.bin/headwise'));
});

it('begins with a variant that passes, but for what is left to write', () => {
  const { failed, messages, passed } = runKit();
  expect(failed).toEqual(['is finished']);
  expect(messages).toContain('golden case: ../golden/gated-output.json');
  expect(passed).toBeGreaterThan(15);
});

it.skipIf(!python)('ends with one that passes everything', () => {
  write('src/gated-output.ts', given('src/gated-output.ts'));
  write('golden/gated.py', given('golden/gated.py'));
  write(
    'golden/gated-output.json',
    execFileSync(python!, ['golden/gated.py'], { cwd: project, encoding: 'utf8' }),
  );
  const { failed, messages, passed } = runKit();
  expect(failed, messages).toEqual([]);
  expect(passed).toBeGreaterThan(15);
});

it.skipIf(!python)('and fails for the right reason where the file is wrong', () => {
  const right = given('src/gated-output.ts');
  write('src/gated-output.ts', right.replace(", 'sigmoid')", ", 'tanh')"));
  expect(runKit().failed).toEqual([
    'equals gated.py, CPython 3, float64: two heads, three tokens',
    'gives the same on every device that works here',
    'gives the same in every mode of gpujs: that works here',
  ]);
  write('src/gated-output.ts', right.replace('causal: true', 'causal: false'));
  expect(runKit().failed).toContain('causal');
});

it.skipIf(!python)('is measured beside multi-head attention by the command that the guide gives', () => {
  expect(guide).toContain('\nnpm run bench ');
  write('src/gated-output.ts', given('src/gated-output.ts'));
  const small = ['--suites', 'attention', '--devices', 'gpujs:cpu', '--budget', '1'];
  const sizes = ['--prefill', '16', '--decode', '16', '--heads', '2', '--head-width', '4'];
  const out = execFileSync('npm', ['run', '--silent', 'bench', '--', ...small, ...sizes], {
    cwd: project,
    encoding: 'utf8',
  });
  expect(out).toMatch(/│ gated-output +│/);
  expect(existsSync(join(project, 'bench-report/report.html'))).toBe(true);
});
