import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';

// what people get: the packed tarball, installed by npm into an empty project without a network

const root = fileURLToPath(new URL('..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'sampling-'));
const installed = join(project, 'node_modules', '@headwise', 'sampling');
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

beforeAll(() => {
  expect(existsSync(join(root, 'dist/index.js')), 'dist is missing; run npm run build first').toBe(true);
  const tarballs = join(project, 'tarballs');
  mkdirSync(tarballs);
  // needs no pnpm on the PATH
  const launcher = join(root, '../../scripts/with-pnpm.mjs');
  execFileSync(process.execPath, [launcher, '-C', root, 'pack', '--pack-destination', tarballs], {
    stdio: 'ignore',
  });
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }');
  run('npm', 'install', '--offline', '--no-audit', '--no-fund', join(tarballs, readdirSync(tarballs)[0]!));
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

it('installs alone, under 1 MB', () => {
  expect(readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
    '@headwise',
  ]);
  expect(readdirSync(join(project, 'node_modules', '@headwise'))).toEqual(['sampling']);
  const bytes = readdirSync(installed, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(installed, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
  expect(bytes).toBeLessThan(1_000_000);
});

it('runs the lines of its README', () => {
  const readme = readFileSync(join(installed, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => match[1]!);
  expect(blocks.length).toBe(2);
  blocks.forEach((block, i) => {
    const wanted: unknown[] = [];
    const script = block.replace(/^(.+?);\s*\/\/ → (.+)$/gm, (_, expression: string, value: string) => {
      wanted.push(JSON.parse(value));
      return `console.log(JSON.stringify(${expression}));`;
    });
    const { outputText } = ts.transpileModule(script, {
      compilerOptions: { target: ts.ScriptTarget.ES2022 },
    });
    writeFileSync(join(project, `readme-${i}.js`), outputText);
    const printed = run('node', `readme-${i}.js`)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(printed).toEqual(wanted);
  });
});

it('can be required, and has its registry', () => {
  writeFileSync(
    join(project, 'main.cjs'),
    `const { createSampler } = require('@headwise/sampling');
     const { chainFromNames } = require('@headwise/sampling/registry');
     console.log(createSampler(chainFromNames('top-k;greedy')).sample(Float32Array.of(1, 3, 2)));`,
  );
  expect(run('node', 'main.cjs').trim()).toBe('1');
});

it('names no other package in what it ships, but vitest in the kit', () => {
  for (const file of readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' })) {
    if (!/\.(js|cjs)$/.test(file)) continue;
    const text = readFileSync(join(installed, 'dist', file), 'utf8');
    const packages = [...text.matchAll(/(?:from|require\()\s*['"]([^'".][^'"]*)['"]/g)].map(
      (match) => match[1],
    );
    expect(packages.filter((name) => name !== 'vitest' || !file.startsWith('conformance'))).toEqual([]);
  }
});
