import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';

// the journey of somebody who contributes: in a clone, everything is written, and the tests say what is left

const root = fileURLToPath(new URL('..', import.meta.url));
const clone = mkdtempSync(join(tmpdir(), 'headwise-new-'));
afterAll(() => rmSync(clone, { recursive: true, force: true }));

const made = {
  variant: 'packages/attention-variants/src/variants/one-more-variant',
  encoding: 'packages/positional/src/encodings/one-more-encoding',
  cache: 'packages/kv-cache/src/caches/one-more-cache',
  filter: 'packages/sampling/src/filters/one-more-filter',
  family: 'packages/models/src/families/one-more-family',
  device: 'packages/device-one-more-device/src/device',
} as const;

beforeAll(() => {
  const keep = (path: string): boolean =>
    !/\/(node_modules|dist|\.turbo|golden)(\/|$)/.test(path.slice(root.length));
  for (const entry of ['packages', 'tooling', '.changeset'])
    cpSync(join(root, entry), join(clone, entry), { recursive: true, filter: keep });
  for (const entry of [
    'package.json',
    'README.md',
    'tsconfig.json',
    'tsconfig.base.json',
    'vitest.config.ts',
    'biome.json',
  ])
    cpSync(join(root, entry), join(clone, entry));
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'), 'dir');
  for (const name of readdirSync(join(root, 'packages'))) {
    for (const linked of ['node_modules', 'golden', 'dist'])
      if (existsSync(join(root, 'packages', name, linked)))
        symlinkSync(join(root, 'packages', name, linked), join(clone, 'packages', name, linked), 'dir');
  }
  for (const kind of Object.keys(made)) {
    const written = execFileSync(
      process.execPath,
      ['--import', 'tsx', join(root, 'tooling/new.ts'), kind, `one-more-${kind}`, '--root', clone],
      { cwd: root, encoding: 'utf8' },
    );
    expect(written).toContain('Left for you:');
  }
  // what an install gives a new package
  const modules = join(clone, 'packages/device-one-more-device/node_modules');
  mkdirSync(modules, { recursive: true });
  cpSync(join(root, 'packages/device-wasm/node_modules'), modules, {
    recursive: true,
    verbatimSymlinks: false,
  });
});

it('writes files that compile', () => {
  const { config } = ts.readConfigFile(join(clone, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, clone);
  const files = Object.values(made).flatMap((path) =>
    [`${path}.ts`, `${path}.test.ts`].map((file) => join(clone, file)).filter(existsSync),
  );
  const registries = ['attention-variants', 'positional', 'kv-cache', 'sampling', 'models'].flatMap((name) =>
    ['registry.ts', 'index.ts'].map((file) => join(clone, 'packages', name, 'src', file)),
  );
  const checked = [...files, ...registries];
  const program = ts.createProgram(checked, { ...options, noEmit: true });
  const problems = checked.flatMap((file) => {
    const source = program.getSourceFile(file)!;
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText }) => `${file}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  });
  expect(problems).toEqual([]);
});

it('writes tests that pass, but for the one that says what is left', () => {
  const report = join(clone, 'report.json');
  const tests = [
    ...Object.values(made).filter((path) => existsSync(join(clone, `${path}.test.ts`))),
    'packages/device-one-more-device/src/conformance',
    'packages/attention-variants/src/registry',
    'packages/sampling/src/registry',
    'packages/positional/src/registry',
    'packages/kv-cache/src/registry',
    'packages/kv-cache/src/readme',
  ].map((path) => `${path}.test.ts`);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const run = spawnSync(
    process.execPath,
    [vitest, 'run', '--project', 'node', '--reporter', 'json', '--outputFile', report, ...tests],
    { cwd: clone, encoding: 'utf8', env: { ...process.env, CI: '' } },
  );
  expect(existsSync(report), run.stderr).toBe(true);
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: readonly {
      readonly name: string;
      readonly assertionResults: readonly {
        readonly title: string;
        readonly status: string;
        readonly failureMessages: readonly string[];
      }[];
    }[];
  };
  const ofFile = (path: string) =>
    testResults.find(({ name }) => name.endsWith(`${path}.test.ts`))?.assertionResults ?? [];
  const failed = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.flatMap(({ title, status }) =>
      status === 'failed' ? [`${name.slice(name.lastIndexOf('/') + 1)}: ${title}`] : [],
    ),
  );
  expect(failed.sort()).toEqual([
    'one-more-cache.test.ts: is finished',
    'one-more-encoding.test.ts: is finished',
    'one-more-family.test.ts: is finished',
    'one-more-filter.test.ts: is finished',
    'one-more-variant.test.ts: is finished',
    'registry.test.ts: one-more-variant has golden values of another program',
  ]);
  // the kits have really run
  expect(ofFile(made.variant).filter(({ status }) => status === 'passed').length).toBeGreaterThan(15);
  expect(ofFile(made.cache).filter(({ status }) => status === 'passed').length).toBeGreaterThan(10);
  expect(ofFile('packages/device-one-more-device/src/conformance').length).toBeGreaterThan(50);
  // and the one that fails says what to do
  const [left] = ofFile(made.variant).filter(({ status }) => status === 'failed');
  expect(left!.failureMessages.join()).toContain('golden case: ../../golden/one-more-variant.json');
});
