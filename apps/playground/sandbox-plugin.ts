import { fileURLToPath } from 'node:url';
import { build, defaultClientConditions, type Plugin, type Rollup } from 'vite';

const folder = fileURLToPath(new URL('./src/views/write', import.meta.url));
const id = 'virtual:sandbox-program';

/**
 * `virtual:sandbox-program`: the worker that judges code of strangers, engines included, as the text of one classic
 * script. It is started from a `blob:` in a frame that may load nothing, so there must be nothing left to load.
 */
export function sandboxPlugin(): Plugin {
  let text: Promise<{ readonly code: string; readonly files: readonly string[] }> | undefined;
  return {
    name: 'headwise-sandbox',
    resolveId: (name) => (name === id ? `\0${id}` : undefined),
    async load(name) {
      if (name !== `\0${id}`) return undefined;
      text ??= programOf();
      const { code, files } = await text;
      for (const file of files) this.addWatchFile(file);
      return `export default ${JSON.stringify(code)};`;
    },
    watchChange() {
      text = undefined;
    },
  };
}

async function programOf(): Promise<{ readonly code: string; readonly files: readonly string[] }> {
  const built = (await build({
    configFile: false,
    root: folder,
    logLevel: 'error',
    resolve: {
      conditions: ['@headwise/source', ...defaultClientConditions],
      alias: { vitest: `${folder}/no-vitest.ts` },
    },
    build: {
      write: false,
      target: 'es2022',
      reportCompressedSize: false,
      lib: { entry: `${folder}/sandbox.worker.ts`, formats: ['iife'], name: 'sandbox' },
    },
  })) as Rollup.RollupOutput[];
  const [chunk, ...more] = built.flatMap(({ output }) => output);
  if (chunk?.type !== 'chunk' || more.length > 0)
    throw new Error(`the program of the sandbox must be one file, it is ${1 + more.length}`);
  return { code: chunk.code, files: chunk.moduleIds.filter((file) => file.startsWith('/')) };
}
