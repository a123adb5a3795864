import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright';
import ts from 'typescript';
import { build as viteBuild, createServer as viteServer } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runReadme } from '../readme.ts';
import { installedIn, type PackageName, Packed, packages, root } from './packed.ts';

// what people install: tarballs, in fresh projects of every kind

/** What the packages depend on, and these depend on nothing. */
const brought = ['acorn', 'cac', '@huggingface/jinja', '@huggingface/tokenizers'];

let packed: Packed;
beforeAll(() => {
  packed = new Packed();
});
afterAll(() => packed?.dispose());

interface Exports {
  readonly [subpath: string]: string | Readonly<Record<string, unknown>>;
}

const manifestOf = (name: PackageName): { readonly name: string; readonly exports: Exports } =>
  JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));

/** Paths that the exports of a package name, but for those of the source condition. */
function namedFiles(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value.replace(/^\.\//, '')];
  return Object.entries(value as object).flatMap(([key, inner]) =>
    key === '@headwise/source' ? [] : namedFiles(inner),
  );
}

it.each(packages)('%s carries all that its exports name, its licence, and no tests', (name) => {
  const files = packed.contents(name);
  expect(files.filter((file) => /\.test\.|\.snap$|\.browser\.|^src\//.test(file))).toEqual([]);
  expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'package.json']));
  for (const path of namedFiles(manifestOf(name).exports)) {
    const [before, after] = path.split('*');
    const there =
      after === undefined
        ? files.includes(path)
        : files.some((file) => file.startsWith(before!) && file.endsWith(after));
    expect(there, `${name}: ${path}`).toBe(true);
  }
});

it.each(packages.filter((name) => name !== 'headwise'))(
  '%s has a source map beside each of its modules, which says where this very version lies',
  (name) => {
    const files = packed.contents(name);
    const modules = files.filter((file) => /^dist\/.*\.js$/.test(file));
    expect(modules.length).toBeGreaterThan(0);
    expect(files).toEqual(expect.arrayContaining(modules.map((file) => `${file}.map`)));
    const { version } = JSON.parse(packed.read(name, 'package.json')) as { readonly version: string };
    const from = `https://raw.githubusercontent.com/headwise/headwise/refs/tags/@headwise/${name}@${version}/`;
    const sources = modules.flatMap((file) => {
      const map = JSON.parse(packed.read(name, `${file}.map`)) as { readonly sources: readonly string[] };
      return map.sources;
    });
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) {
      expect(source.startsWith(from), source).toBe(true);
      expect(existsSync(join(root, source.slice(from.length))), source).toBe(true);
    }
  },
);

it('the command line carries the licences of what is in its bundle', () => {
  const text = packed.read('headwise', 'dist/THIRD-PARTY.txt');
  for (const name of ['echarts', 'zrender', 'tslib', 'cli-table3'])
    expect(text).toMatch(new RegExp(`^${name} \\d`, 'm'));
  expect(text).toContain('Apache License');
  expect(text).toContain('Redistribution and use in source and binary forms');
});

it('a stack names the sources, where Node is asked for them', () => {
  const project = packed.project('maps', ['sampling'], {
    'fails.mjs': `import { topK } from '@headwise/sampling';\ntopK(-3);`,
  });
  const { stderr } = spawnSync(process.execPath, ['--enable-source-maps', 'fails.mjs'], {
    cwd: project,
    encoding: 'utf8',
  });
  const source = readFileSync(join(root, 'packages/sampling/src/filters/top-k.ts'), 'utf8').split('\n');
  const line = Number(/packages\/sampling\/src\/filters\/top-k\.ts:(\d+)/.exec(stderr)?.[1]);
  expect(source[line - 1], stderr).toContain('check');
});

const attend = `const x = tensor(device, Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)), [1, 3, 2, 4]);
const { out } = multiHead.attend({ q: x, k: x, v: x });
console.log(JSON.stringify([device.ran, ...(await out.data())].map((n) => typeof n === 'number' ? Number(n.toFixed(4)) : n)));`;

it('runs a variant alone in Node, as ESM and as CommonJS, and on gpu.js where that is added', async () => {
  const project = packed.project('node', ['attention-variants', 'tensor', 'acorn'], {
    'esm.mjs': `import { multiHead } from '@headwise/attention-variants';
import { createDevice, tensor } from '@headwise/tensor';
const device = await createDevice(process.argv[2]);
${attend}`,
    'cjs.cjs': `const { multiHead } = require('@headwise/attention-variants');
const { createDevice, tensor } = require('@headwise/tensor');
createDevice(process.argv[2]).then(async (device) => { ${attend} });`,
  });
  expect(installedIn(project)).toEqual(['@headwise/attention-variants', '@headwise/tensor', 'acorn']);
  const run = (file: string, device: string): (string | number)[] =>
    JSON.parse(execFileSync(process.execPath, [file, device], { cwd: project, encoding: 'utf8' }));
  const [ran, ...values] = run('esm.mjs', 'reference');
  expect(ran).toBe('reference');
  expect(values.length).toBe(24);
  expect(run('cjs.cjs', 'reference')).toEqual(['reference', ...values]);
  expect(() => run('esm.mjs', 'gpujs:webasm')).toThrow(/npm i --ignore-scripts gpu\.js/);
  symlinkSync(join(root, 'node_modules/gpu.js'), join(project, 'node_modules/gpu.js'), 'dir');
  for (const file of ['esm.mjs', 'cjs.cjs']) {
    const [mode, ...got] = run(file, 'gpujs:webasm');
    expect(mode).toBe('webasm');
    for (const [i, value] of got.entries()) expect(value).toBeCloseTo(values[i] as number, 3);
  }
});

it('runs the README of the attention variants from the tarball', async () => {
  const project = packed.project('readme', ['attention-variants', 'tensor', 'acorn']);
  const installed = (name: string) => () =>
    import(pathToFileURL(join(project, 'node_modules', name, 'dist/index.js')).href);
  const readme = pathToFileURL(join(project, 'node_modules/@headwise/attention-variants/README.md'));
  const { asserted } = await runReadme(readme, {
    '@headwise/attention-variants': installed('@headwise/attention-variants'),
    '@headwise/tensor': installed('@headwise/tensor'),
  });
  expect(asserted).toBeGreaterThan(3);
});

it('installs sampling alone: under 1 MB, and nothing else', () => {
  const project = packed.project('sampling', ['sampling']);
  expect(installedIn(project)).toEqual(['@headwise/sampling']);
  const modules = execFileSync('du', ['-sk', join(project, 'node_modules')], { encoding: 'utf8' });
  expect(Number(modules.split('\t')[0])).toBeLessThan(1024);
});

it('installs the command line without gpu.js, and it works', () => {
  const project = packed.project('cli', [...packages, ...brought]);
  expect(installedIn(project)).not.toContain('gpu.js');
  const bytes = Number(
    execFileSync('du', ['-sk', join(project, 'node_modules')], { encoding: 'utf8' }).split('\t')[0],
  );
  // kB; it was 97 MB. 1.7 MB are the benchmark with its drawing library, 2 MB the model that tells stories, 1.4 MB source maps
  expect(bytes).toBeLessThan(14 * 1024);
  const cli = (...args: string[]): string =>
    execFileSync('npx', ['headwise', ...args], { cwd: project, encoding: 'utf8' });
  const { auto, devices } = JSON.parse(cli('devices', '--json')) as {
    auto: string;
    devices: readonly { readonly name: string; readonly ok: boolean; readonly cure?: string }[];
  };
  expect(auto).toBe('wasm');
  expect(devices.find(({ name }) => name === 'gpujs:webasm')!.cure).toContain(
    'npm i --ignore-scripts gpu.js',
  );
  expect(cli('new', 'variant', 'mine')).toContain('mine/src/mine.test.ts');
  // as a shell has it: what runs these tests tells its children where its own packages are
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(node_path$|npm_|pnpm_)/i.test(name)),
  );
  const without = spawnSync('npx', ['headwise', 'bench', '--variant', 'mine/src/mine.ts'], {
    cwd: project,
    encoding: 'utf8',
    env,
  });
  expect([without.status, without.stderr]).toEqual([
    2,
    'bench: --variant mine/src/mine.ts needs Vite, which is not installed here: npm i -D vite\n',
  ]);
});

it('measures a variant of one’s own far from the repository, by the command of the package that was written', () => {
  const project = packed.project('bench', [...packages, ...brought, 'vite']);
  execFileSync('npx', ['headwise', 'new', 'variant', 'mine'], { cwd: project });
  const mine = join(project, 'mine');
  const sizes = ['--prefill', '8', '--decode', '8', '--heads', '2', '--head-width', '4', '--budget', '1'];
  const bench = (...more: string[]) =>
    spawnSync('npm', ['run', '--silent', 'bench', '--', '--suites', 'attention', ...sizes, ...more], {
      cwd: mine,
      encoding: 'utf8',
    });
  const { status, stdout, stderr } = bench();
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^Compared on wasm, because gpu\.js is not installed here\./);
  expect(stdout).toMatch(/│ mine +│/);
  expect(readFileSync(join(mine, 'bench-report/report.html'), 'utf8')).toMatch(/^<!doctype html>/);
  expect(existsSync(join(mine, 'bench-report/charts/kv-bytes.svg'))).toBe(true);
  const { rows, machine } = JSON.parse(readFileSync(join(mine, 'bench-report/results.json'), 'utf8')) as {
    readonly rows: readonly { readonly subject: string; readonly status: string; readonly reason?: string }[];
    readonly machine: { readonly commit?: string };
  };
  const own = rows.filter(({ subject }) => subject === 'mine');
  expect(own.length).toBeGreaterThan(1);
  // a second may end, on a busy machine, before every row had its turn
  const outOfTime = /^too short to time: |^the time budget of /;
  for (const { status, reason = status } of own) if (status !== 'ok') expect(reason).toMatch(outOfTime);
  // that of a project around it says nothing about what was measured
  expect(machine.commit).toBeUndefined();
  // a variant that fails where it is timed has its failure in its rows, and no time
  const source = join(mine, 'src/mine.ts');
  writeFileSync(
    source,
    readFileSync(source, 'utf8').replace(
      '({ causal, scale }) => ({ causal, scale })',
      '({ causal }) => ({ causal, scale: Number.NaN })',
    ),
  );
  const wrong = bench('--out', 'wrong');
  expect(wrong.status).toBe(1);
  expect(wrong.stdout).toMatch(/mine · wasm.*failed: /);
  writeFileSync(source, 'export const mine = 1;');
  const none = bench();
  expect([none.status, none.stderr]).toEqual([
    2,
    expect.stringMatching(/^bench: .*exports no variant .*\n$/),
  ]);
});

it('has types for every way of resolving them, checked whole', () => {
  const lines = packages.flatMap((name) =>
    Object.keys(manifestOf(name).exports)
      .filter((path) => !/package\.json|\*|testing|conformance|build$/.test(path))
      .map((path) => `${manifestOf(name).name}${path.slice(1)}`),
  );
  const imports = lines.map(
    (path, i) => `import * as m${i} from '${path}';\nexport const n${i}: object = m${i};`,
  );
  const source = `${imports.join('\n')}
import { configure, groupedQuery } from '@headwise/attention-variants';
// @ts-expect-error it has no such option
configure(groupedQuery, { window: 3 });
`;
  const project = packed.project('types', [...packages, ...brought], {
    'esm.mts': source,
    // the command line is ESM alone
    'cjs.cts': lines
      .filter((path) => !path.startsWith('headwise'))
      .map((path, i) => `import m${i} = require('${path}');\nexport const n${i}: object = m${i};`)
      .join('\n'),
  });
  for (const [module, moduleResolution, files] of [
    [ts.ModuleKind.Node16, ts.ModuleResolutionKind.Node16, ['esm.mts', 'cjs.cts']],
    [ts.ModuleKind.NodeNext, ts.ModuleResolutionKind.NodeNext, ['esm.mts', 'cjs.cts']],
    [ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler, ['esm.mts']],
  ] as const) {
    const program = ts.createProgram(
      files.map((file) => join(project, file)),
      {
        ...{ module, moduleResolution, strict: true, noEmit: true, skipLibCheck: false, types: [] },
        ...{
          target: ts.ScriptTarget.ES2022,
          lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
        },
      },
    );
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map(
        ({ messageText, file }) =>
          `${file?.fileName.slice(project.length)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
      );
    expect(problems, ts.ModuleResolutionKind[moduleResolution]).toEqual([]);
  }
});

const appWith = (
  wasm: string,
): string => `import { configure, groupedQuery } from '@headwise/attention-variants';
import { createDevice, tensor } from '@headwise/tensor';
import { wasm } from '${wasm}';

export async function attendOn(name) {
  const device = await createDevice(name, { devices: [wasm] });
  const wave = (n, size) => Float32Array.from({ length: size }, (_, i) => Math.sin(n + 1.3 * i));
  const q = tensor(device, wave(1, 7 * 4 * 8), [1, 7, 4, 8]);
  const [k, v] = [2, 3].map((n) => tensor(device, wave(n, 7 * 2 * 8), [1, 7, 2, 8]));
  const { out } = configure(groupedQuery, { Hkv: 2 }).attend({ q, k, v });
  return { ran: device.ran, values: Array.from(await out.data()) };
}

/** What somebody is told who hands nothing over. */
export async function alone() {
  const told = [];
  const error = await createDevice('wasm').catch(({ message }) => message);
  const device = await createDevice('auto', { notify: (message) => told.push(message) });
  return { error, told, name: device.name };
}
globalThis.app = { attendOn, alone };
`;
const app = appWith('@headwise/device-wasm');
const page = '<!doctype html><title>app</title><script type="module" src="/main.js"></script>';

const chrome = [process.env.CHROME_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
if (!chrome) console.log('consumers in a browser: skipped, no Chromium; set CHROME_PATH');

interface Attended {
  readonly ran: string;
  readonly values: readonly number[];
}

/** Opens a page with the app, and has it attend. */
async function inChromium(url: string): Promise<{
  readonly wasm: Attended;
  readonly reference: Attended;
  readonly alone: { readonly error: string; readonly told: readonly string[]; readonly name: string };
}> {
  const browser = await chromium.launch({ executablePath: chrome!, args: ['--no-sandbox'], timeout: 0 });
  try {
    const tab = await browser.newPage();
    tab.setDefaultTimeout(0);
    await tab.goto(url);
    await tab.waitForFunction('globalThis.app !== undefined');
    return {
      wasm: await tab.evaluate("app.attendOn('wasm')"),
      reference: await tab.evaluate("app.attendOn('reference')"),
      alone: await tab.evaluate('app.alone()'),
    };
  } finally {
    await browser.close();
  }
}

function expectRight({ wasm, reference, alone }: Awaited<ReturnType<typeof inChromium>>): void {
  expect(wasm.ran).toMatch(/simd/);
  expect(reference.ran).toBe('reference');
  expect(reference.values.length).toBe(224);
  expect(Math.max(...reference.values)).toBeGreaterThan(0.1);
  for (const [i, value] of wasm.values.entries()) expect(value).toBeCloseTo(reference.values[i]!, 4);
  // it says what it did not find, and what to do
  expect(alone.error).toContain("createDevice('wasm', { devices: [wasm] })");
  expect(alone.told.join('\n')).toContain('wasm: needs the package @headwise/device-wasm');
}

it.skipIf(!chrome).each([
  ['@headwise/device-wasm/light', 60_000],
  // kernels for training, for recurrences, and for weights, rows and activations in fewer bits are in it
  ['@headwise/device-wasm', 82_000],
])(
  'makes a page of one variant and the device of %s under %d bytes with Vite, built and in dev',
  async (device, most) => {
    const project = packed.project(`vite-${most}`, ['attention-variants', 'tensor', 'device-wasm', 'acorn'], {
      'index.html': page,
      'main.js': appWith(device),
    });
    const config = { root: project, configFile: false as const, logLevel: 'error' as const };
    const built = (await viteBuild({
      ...config,
      build: { write: false, rollupOptions: { external: ['gpu.js'] } },
    })) as {
      readonly output: readonly {
        readonly fileName: string;
        readonly code?: string;
        readonly source?: string | Uint8Array;
      }[];
    };
    const bytes = built.output.reduce(
      (sum, { code }) => sum + (code === undefined ? 0 : gzipSync(code).length),
      0,
    );
    const entry = built.output.filter(({ fileName }) => fileName.endsWith('.js'));
    console.log(
      `vite: ${entry.map(({ fileName, code }) => `${fileName} ${gzipSync(code!).length}`).join(', ')}; ${bytes} bytes behind gzip in all`,
    );
    const files = new Map(
      built.output.map(({ fileName, code, source }) => [`/${fileName}`, code ?? source ?? '']),
    );
    const asked: string[] = [];
    const server = createServer(({ url = '/' }, response) => {
      asked.push(url);
      const body = files.get(url === '/' ? '/index.html' : url);
      if (body === undefined) return void response.writeHead(404).end();
      response.setHeader('Content-Type', url.endsWith('.js') ? 'text/javascript' : 'text/html');
      response.end(body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const answered = await inChromium(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      expectRight(answered);
    } finally {
      server.close();
    }
    // what the page loads before somebody asks for gpu.js
    const first = [...new Set(asked)].filter(
      (url) => files.has(url) && url.endsWith('.js') && !/gpujs|create/.test(url),
    );
    const loaded = first.reduce((sum, url) => sum + gzipSync(String(files.get(url))).length, 0);
    expect(loaded).toBeGreaterThan(30_000);
    expect(loaded).toBeLessThan(most);
    console.log(`vite: a page with ${device} loads ${loaded} bytes behind gzip`);

    const dev = await viteServer({ ...config, server: { port: 0, host: '127.0.0.1' } });
    try {
      await dev.listen();
      expectRight(await inChromium(`http://127.0.0.1:${(dev.httpServer!.address() as AddressInfo).port}/`));
    } finally {
      await dev.close();
    }
  },
);

it('runs from a bundle of esbuild and one of Rollup, minified', async () => {
  const project = packed.project('bundlers', ['attention-variants', 'tensor', 'device-wasm', 'acorn'], {
    'main.mjs': `${app}\nconst [wasmed, plain] = [await attendOn('wasm'), await attendOn('reference')];
console.log(JSON.stringify({ ran: wasmed.ran, off: Math.max(...wasmed.values.map((value, i) => Math.abs(value - plain.values[i]))) }));
process.exit(0);`,
  });
  const tsup = createRequire(createRequire(join(root, 'package.json')).resolve('tsup'));
  const esbuild = tsup('esbuild') as { build(options: object): Promise<unknown> };
  await esbuild.build({
    ...{
      entryPoints: [join(project, 'main.mjs')],
      outfile: join(project, 'esbuild.mjs'),
      bundle: true,
      minify: true,
    },
    ...{ format: 'esm', platform: 'node', external: ['gpu.js'], logLevel: 'error' },
  });
  const { rollup } = tsup('rollup') as {
    rollup(options: object): Promise<{ write(options: object): Promise<unknown> }>;
  };
  const fromModules = {
    name: 'from-node-modules',
    resolveId: (id: string) =>
      id.startsWith('@headwise/')
        ? join(project, 'node_modules', id, 'dist/index.js')
        : id === 'acorn'
          ? join(project, 'node_modules/acorn/dist/acorn.mjs')
          : undefined,
  };
  const bundle = await rollup({
    input: join(project, 'main.mjs'),
    external: ['gpu.js', /^node:/],
    plugins: [fromModules],
  });
  await bundle.write({
    file: join(project, 'rollup.mjs'),
    format: 'esm',
    inlineDynamicImports: true,
    compact: true,
  });
  for (const file of ['esbuild.mjs', 'rollup.mjs']) {
    const out = execFileSync(process.execPath, [file], { cwd: project, encoding: 'utf8' });
    const { ran, off } = JSON.parse(out) as { readonly ran: string; readonly off: number };
    expect(ran, file).toMatch(/simd/);
    expect(off, file).toBeLessThan(1e-5);
  }
  writeFileSync(join(project, 'done'), '');
});

/** Another runtime by its command: named by an environment variable, or on the PATH. */
function runtime(name: string): string | undefined {
  const named = process.env[`${name.toUpperCase()}_PATH`];
  return [named, name].find(
    (command) => command !== undefined && spawnSync(command, ['--version']).status === 0,
  );
}

it.for([
  ['bun', []],
  ['deno', ['run', '--allow-all', '--node-modules-dir=manual']],
] as const)('runs a variant in %s, on the reference and on wasm', ([name, before], { skip }) => {
  const command = runtime(name);
  if (command === undefined)
    return skip(`not installed; npm install --global ${name}, or set ${name.toUpperCase()}_PATH`);
  const project = packed.project(name, ['attention-variants', 'tensor', 'device-wasm', 'acorn'], {
    'main.mjs': `${app}
const [wasmed, plain] = [await attendOn('wasm'), await attendOn('reference')];
console.log(JSON.stringify({ ran: wasmed.ran, off: Math.max(...wasmed.values.map((value, i) => Math.abs(value - plain.values[i]))) }));
process.exit(0);`,
  });
  const out = execFileSync(command, [...before, 'main.mjs'], { cwd: project, encoding: 'utf8' });
  const { ran, off } = JSON.parse(out.trim().split('\n').at(-1)!) as {
    readonly ran: string;
    readonly off: number;
  };
  expect(ran).toMatch(/simd/);
  expect(off).toBeLessThan(1e-5);
});
