import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, UsageError } from '../errors.ts';
import { isVariant } from '../outside-variants.ts';
import { digestOf } from '../quality/corpus.ts';
import type { OutsideVariant } from '../subjects.ts';
import { findVite } from './bundler.ts';

/** Where a bundled file finds the modules of this process: a second copy of them would track its tensors apart. */
const SHARED = Symbol.for('headwise/bench/modules');

const modules: Readonly<Record<string, () => Promise<object>>> = {
  '@headwise/tensor': () => import('@headwise/tensor'),
  '@headwise/attention-variants': () => import('@headwise/attention-variants'),
  '@headwise/attention-variants/registry': () => import('@headwise/attention-variants/registry'),
  '@headwise/positional': () => import('@headwise/positional'),
};

/**
 * Loads variants from a TypeScript or JavaScript file anywhere: its default export, or every export that is a variant.
 *
 * @throws {UsageError} if the file is not there, does not compile, or exports no variant, or if there is no Vite.
 */
export async function loadVariants(file: string): Promise<OutsideVariant[]> {
  const path = resolve(file);
  if (!existsSync(path)) throw new UsageError(`--variant ${file}: there is no file ${path}`);
  const vite = await findVite(`--variant ${file}`, [path]);
  let exported: Record<string, unknown>;
  let digest: string;
  try {
    ({ exported, digest } = await evaluate(path, vite));
  } catch (error) {
    throw new UsageError(`--variant ${file} cannot be loaded: ${messageOf(error)}`);
  }
  const variants = [...new Set(Object.values(exported))].filter(isVariant);
  if (variants.length === 0) {
    const names = Object.keys(exported).join(', ') || 'nothing';
    throw new UsageError(
      `--variant ${file} exports no variant (it exports ${names}); export what defineVariant or softmaxVariant returns`,
    );
  }
  return variants.map((variant) => ({ variant, file, digest }));
}

/** Bundles the file with what it imports, except the packages of this process, and runs the bundle. */
async function evaluate(
  path: string,
  { build }: typeof import('vite'),
): Promise<{ readonly exported: Record<string, unknown>; readonly digest: string }> {
  const loaded = await Promise.all(
    Object.entries(modules).map(async ([name, load]) => [name, await load()] as const),
  );
  Object.assign(globalThis, { [SHARED]: Object.fromEntries(loaded) });
  const output = await build({
    configFile: false,
    logLevel: 'silent',
    build: { ssr: path, write: false, minify: false, target: 'node20' },
    ssr: { noExternal: true },
    plugins: [sharedModules(new Map(loaded))],
  });
  const bundle = [output].flat().find((part) => 'output' in part);
  const code = bundle && 'output' in bundle ? bundle.output[0].code : '';
  const folder = mkdtempSync(join(tmpdir(), 'headwise-variant-'));
  try {
    const target = join(folder, 'variant.mjs');
    writeFileSync(target, code);
    const exported = await import(/* @vite-ignore */ pathToFileURL(target).href);
    // the bundle names its parts by their paths, which differ between machines
    const digest = digestOf(new TextEncoder().encode(code.replace(/^\/\/#.*$/gm, '')));
    return { exported, digest };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sharedModules(loaded: ReadonlyMap<string, object>) {
  const prefix = '\0shared:';
  return {
    name: 'headwise-shared-modules',
    enforce: 'pre' as const,
    resolveId: (id: string) => (loaded.has(id) ? `${prefix}${id}` : undefined),
    load(id: string) {
      if (!id.startsWith(prefix)) return undefined;
      const name = id.slice(prefix.length);
      const names = Object.keys(loaded.get(name)!).filter((key) => key !== 'default');
      return `const shared = globalThis[Symbol.for('headwise/bench/modules')][${JSON.stringify(name)}];
export const { ${names.join(', ')} } = shared;`;
    },
  };
}
