import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Ceiling {
  readonly name: string;
  /** What a program imports and uses. */
  readonly uses: Readonly<Record<string, readonly string[]>>;
  /** Bytes behind gzip of what a page loads at once, minified by esbuild; what is loaded when asked for is not in it. */
  readonly most: number;
  readonly reason: string;
}

const ceilings: readonly Ceiling[] = [
  {
    name: 'one filter',
    uses: { sampling: ['minP'] },
    most: 4_000,
    reason: 'the filter, the candidates it works on and their errors; no other filter',
  },
  {
    name: 'a decode loop',
    uses: { sampling: ['generate', 'chain', 'greedy', 'createSampler'] },
    most: 12_000,
    reason: 'the loop, the sampler and its random numbers; no search, no grammar, no preset',
  },
  {
    name: 'tensors',
    uses: { tensor: ['tensor'] },
    most: 6_000,
    reason: 'tensors, scopes and errors; no operation and no device',
  },
  {
    name: 'one variant',
    uses: { 'attention-variants': ['multiHead'] },
    most: 15_600,
    reason:
      'the wiring of a layer and the operations under it, each with its float64 reference, gpu.js plan and gradient rule',
  },
  {
    name: 'one encoding',
    uses: { positional: ['rotary'] },
    most: 14_000,
    reason: 'tables of angles, the rotation as an operation, and what tensors need',
  },
  {
    name: 'one cache',
    uses: { 'kv-cache': ['createRing'] },
    most: 19_000,
    reason: 'slots, rows in memory and their checks, and the operations that move rows',
  },
  {
    name: 'the device without a GPU',
    uses: { 'device-wasm': ['wasm'] },
    most: 88_000,
    reason:
      'two builds of the kernels, packed together, and the recording of steps (5 kB), are 52 kB of it, what compiles a person’s modifiers 9 kB; those of training and of experts came last, Adam and a loop for each activation among them, then those that take weights piece by piece from a file, gradients of weights block by block, products of whole numbers, one row and some for each format of blocks, recurrences, and tiles below one another and two vectors of GELU at once',
  },
  {
    name: 'the same with fewer kernels',
    uses: { 'device-wasm/light': ['wasm'] },
    most: 47_000,
    reason:
      'two builds of the light kernels are 26 kB of it, tiles below one another and two vectors of GELU at once among them; those of training and of stored formats are not there',
  },
  {
    name: 'one variant on the device without a GPU',
    uses: { 'attention-variants': ['multiHead'], 'device-wasm': ['wasm'], tensor: ['tensor'] },
    most: 99_000,
    reason:
      'a page with one variant, no gpu.js, and kernels for training, weights in fewer bits and activations in 8',
  },
  {
    name: 'one variant on the light device',
    uses: { 'attention-variants': ['multiHead'], 'device-wasm/light': ['wasm'], tensor: ['tensor'] },
    most: 60_000,
    reason: 'a page with one variant, no gpu.js, that neither trains nor keeps fewer than 32 bits',
  },
];

interface Output {
  readonly entryPoint?: string;
  readonly imports: readonly { readonly path: string; readonly kind: string }[];
}

interface Built {
  readonly outputFiles: readonly { readonly path: string; readonly contents: Uint8Array }[];
  readonly metafile: { readonly outputs: Readonly<Record<string, Output>> };
}

/** The one that tsup brings. */
function esbuild(): { build(options: object): Promise<Built> } {
  const tsup = createRequire(join(root, 'package.json')).resolve('tsup');
  return createRequire(tsup)('esbuild');
}

/** `sampling`, or another entry: `device-wasm/light`. */
const distOf = (name: string): string => {
  const [folder = '', entry = 'index'] = name.split('/');
  return join(root, 'packages', folder, `dist/${entry}.js`);
};

/** Bytes behind gzip of the entry and all that it imports statically. */
async function bytesOf(uses: Ceiling['uses']): Promise<number> {
  const packages = Object.entries(uses);
  const lines = packages.map(([name, names]) => `import { ${names.join(', ')} } from '${distOf(name)}';`);
  const used = packages.flatMap(([, names]) => names);
  const { outputFiles, metafile } = await esbuild().build({
    stdin: { contents: `${lines.join('\n')}\nconsole.log(${used.join(', ')});`, resolveDir: root },
    alias: { '@headwise/tensor': distOf('tensor') },
    external: ['gpu.js', 'node:*'],
    outdir: join(root, 'out'),
    ...{ bundle: true, minify: true, splitting: true, write: false, metafile: true },
    ...{ format: 'esm', logLevel: 'error' },
  });
  const needed = new Set<string>();
  const need = (path: string): void => {
    if (needed.has(path)) return;
    needed.add(path);
    for (const { path: other, kind } of metafile.outputs[path]?.imports ?? [])
      if (kind === 'import-statement') need(other);
  };
  need(Object.keys(metafile.outputs).find((path) => metafile.outputs[path]!.entryPoint !== undefined)!);
  return outputFiles
    .filter(({ path }) => [...needed].some((name) => path.endsWith(name)))
    .reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
}

it.each(ceilings)('$name stays under $most bytes: $reason', async ({ name, uses, most }) => {
  for (const used of Object.keys(uses)) expect(existsSync(distOf(used)), 'npm run build').toBe(true);
  const bytes = await bytesOf(uses);
  console.log(`${name}: ${bytes} bytes behind gzip, ${most} at most`);
  // a bundle of nothing would pass as well
  expect(bytes).toBeGreaterThan(1_000);
  expect(bytes).toBeLessThanOrEqual(most);
});
