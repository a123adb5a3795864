import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright';
import { build as viteBuild } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** A modifier of a person's own, once as a function and once as text, and a mask composed of two. */
const modifiers = `
import { and, maskModifier, or, scoreModifier } from '@headwise/attention-variants';

const slope: number = 0.25;

export const relative = scoreModifier(
  function (s, b, h, q, k) {
    // far keys count less, a little more so in later heads
    let distance = 0;
    for (let step = 0; step < 16; step++) {
      if (k + step < q) { distance += 1; }
    }
    return s - slope * distance * (h + 1);
  },
  { slope },
);
export const recent = or(
  and(
    maskModifier('function (b, h, q, k) { return k <= q ? 1 : 0; }'),
    maskModifier('function (b, h, q, k) { return q - k < W ? 1 : 0; }', { W: 3 }),
  ),
  maskModifier(function (b, h, q, k) { if (k === 0) return 1; return 0; }),
);
`;

const program = `
import { multiHead } from '@headwise/attention-variants';
import { createDevice, tensor } from '@headwise/tensor';
import { recent, relative } from './modifiers.ts';

export async function attendOn(name: string): Promise<{ ran: string | undefined; values: number[] }> {
  const device = await createDevice(name);
  const wave = (seed: number) => Float32Array.from({ length: 7 * 2 * 4 }, (_, i) => Math.sin(seed + 1.3 * i));
  const [q, k, v] = [1, 2, 3].map((seed) => tensor(device, wave(seed), [1, 7, 2, 4]));
  const { out } = multiHead.attend({ q, k, v, modifiers: [relative, recent] }, { causal: false });
  const values = Array.from(await out.data());
  return { ran: device.ran, values };
}
`;

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, '..', '..');
const project = mkdtempSync(join(tmpdir(), 'headwise-outside-'));
const chrome = [process.env.CHROME_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
if (!chrome) console.log('outside project in a browser: skipped, no Chromium; set CHROME_PATH');

beforeAll(() => {
  const modules = join(project, 'node_modules');
  for (const name of ['tensor', 'attention-variants']) {
    const target = join(modules, '@headwise', name);
    mkdirSync(target, { recursive: true });
    const launcher = join(packages, '../scripts/with-pnpm.mjs');
    execFileSync(process.execPath, [
      launcher,
      '-C',
      join(packages, name),
      'pack',
      '--pack-destination',
      project,
    ]);
    const tarball = readdirSync(project).find((file) => file.startsWith(`headwise-${name}-`))!;
    execFileSync('tar', ['-xzf', join(project, tarball), '-C', target, '--strip-components=1']);
  }
  linkModule(modules, 'acorn', join(packages, 'attention-variants'));
  linkModule(modules, 'gpu.js', join(packages, '..'));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'modifiers.ts'), modifiers);
  writeFileSync(join(project, 'program.ts'), program);
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

it('runs on gpujs:webasm from a bundle that esbuild minified', async () => {
  const bundle = join(project, 'out', 'node.mjs');
  await esbuildMinified(bundle);
  const text = readFileSync(bundle, 'utf8');
  // minified, and the function still has the names and spaces it was written with
  expect(text.includes('const device = await')).toBe(false);
  expect(text.includes('slope * distance * (h + 1)')).toBe(true);
  const { attendOn } = (await import(pathToFileURL(bundle).href)) as Attending;
  const reference = await attendOn('reference');
  const { ran, values } = await attendOn('gpujs:webasm');
  expect(ran).toBe('webasm');
  expectClose(values, reference.values);
});

it.skipIf(!chrome)('runs on webgpu in Chromium from a bundle that Vite minified', async () => {
  const { modifiersPlugin } = await packedBuild();
  const result = await viteBuild({
    root: project,
    logLevel: 'silent',
    configFile: false,
    plugins: [modifiersPlugin()],
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      lib: { entry: join(project, 'program.ts'), formats: ['es'], fileName: 'browser' },
    },
  });
  const [output] = [result].flat() as {
    readonly output: readonly { readonly fileName: string; readonly code?: string }[];
  }[];
  const files = new Map(output!.output.map(({ fileName, code }) => [`/${fileName}`, code ?? '']));
  const entry = [...files.keys()].find((name) => name.startsWith('/browser'))!;
  const server = createServer((request, response) => {
    const script = files.get(request.url ?? '');
    response.setHeader('Content-Type', script === undefined ? 'text/html' : 'text/javascript');
    response.end(script ?? '<!doctype html><title>outside</title>');
  }).listen(0, '127.0.0.1');
  // the test runner ends what hangs; a busy machine may take its time
  const browser = await chromium.launch({ executablePath: chrome!, args: softwareGpu, timeout: 0 });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { timeout: 0 });
    // as text: the test runner rewrites imports in functions
    const attendOn = (name: string): Promise<Attended> =>
      page.evaluate(`import('${entry}').then((module) => module.attendOn('${name}'))`);
    const reference = await attendOn('reference');
    const { ran, values } = await attendOn('gpujs:webgpu');
    expect(ran).toBe('webgpu');
    expectClose(values, reference.values);
  } finally {
    await browser.close();
    server.close();
  }
});

it('costs a page that uses one variant less than 12.5 kB, and no parser', async () => {
  const entry = join(project, 'one.ts');
  writeFileSync(
    entry,
    "import { multiHead } from '@headwise/attention-variants';\nconsole.log(multiHead);\n",
  );
  const outfile = join(project, 'out', 'one.mjs');
  await esbuild().build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    external: ['@headwise/tensor'],
    logLevel: 'silent',
  });
  const text = readFileSync(outfile, 'utf8');
  // the variant, the contract's checks (of forgotten arguments, of options, of configured heads) and the executor's
  // wiring, with the taps on its way and room for an attention of one's own, rows kept once every so many tokens among it;
  // raise it with the reason
  expect(text.length).toBeLessThan(12_500);
  for (const other of ['cross-layer', 'ArrowFunctionExpression']) expect(text.includes(other)).toBe(false);
});

interface Attended {
  readonly ran: string | undefined;
  readonly values: readonly number[];
}

interface Attending {
  attendOn(name: string): Promise<Attended>;
}

const softwareGpu = [
  '--no-sandbox',
  '--disable-quic',
  '--use-angle=swiftshader',
  '--use-gl=angle',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-webgpu-adapter=swiftshader',
];

/** The build helpers of the packed package, not of the source. */
async function packedBuild(): Promise<typeof import('./build.ts')> {
  const file = join(project, 'node_modules', '@headwise', 'attention-variants', 'dist', 'build.js');
  return (await import(pathToFileURL(file).href)) as typeof import('./build.ts');
}

/** The one that tsup brings. */
function esbuild(): { build(options: object): Promise<unknown> } {
  const tsup = createRequire(join(packages, '..', 'package.json')).resolve('tsup');
  return createRequire(tsup)('esbuild');
}

async function esbuildMinified(outfile: string): Promise<void> {
  const { modifiersEsbuildPlugin } = await packedBuild();
  await esbuild().build({
    entryPoints: [join(project, 'program.ts')],
    outfile,
    bundle: true,
    minify: true,
    keepNames: true,
    legalComments: 'none',
    platform: 'node',
    format: 'esm',
    external: ['gpu.js'],
    plugins: [modifiersEsbuildPlugin(async (path) => readFileSync(path, 'utf8'))],
    logLevel: 'silent',
  });
}

function linkModule(modules: string, name: string, from: string): void {
  const require = createRequire(join(from, 'package.json'));
  const [folder] = (require.resolve.paths(name) ?? [])
    .map((path) => join(path, name))
    .filter((path) => existsSync(path));
  symlinkSync(folder!, join(modules, name), 'dir');
}

function expectClose(got: readonly number[], want: readonly number[]): void {
  expect(got.length).toBe(56);
  expect(Math.max(...want)).toBeGreaterThan(0.1);
  got.forEach((value, i) => {
    expect(Math.abs(value - want[i]!)).toBeLessThan(1e-5);
  });
}
