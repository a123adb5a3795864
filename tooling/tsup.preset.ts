import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { defineConfig, type Options } from 'tsup';

// Declarations take ten times as long as the code and no command needs them to run: a task of their own
const declarations = process.argv.includes('--dts-only');

/**
 * Marks the definitions of a bundle as droppable: `var topK = /* @__PURE__ *\/ defineRule({…})`. The definers are
 * annotated where they are declared, which Rollup heeds everywhere and esbuild in the same file only.
 */
const pureDefinitions: NonNullable<Options['plugins']>[number] = {
  name: 'pure-definitions',
  renderChunk(code) {
    const definition = /^((?:var|let|const) \w+ = )((?:define\w+|describeRule|softmaxVariant)\()/gm;
    return { code: code.replace(definition, '$1/* @__PURE__ */ $2') };
  },
};

/**
 * Source maps that say where the sources of this very version are, in place of carrying them: with their texts in them
 * they would be twice the code. A stack trace (`node --enable-source-maps`) names file and line, and the tools of a
 * browser fetch what they show.
 */
const linkedMaps: NonNullable<Options['plugins']>[number] = {
  name: 'linked-maps',
  buildEnd({ writtenFiles }) {
    const { name, version, repository } = JSON.parse(readFileSync('package.json', 'utf8'));
    const maps = writtenFiles.map((file) => file.name).filter((path) => path.endsWith('.map'));
    if (maps.length === 0) return;
    const [, repo] = /github\.com\/(.+)\.git$/.exec(repository.url)!;
    const tag = `https://raw.githubusercontent.com/${repo}/refs/tags/${name}@${version}/${repository.directory}`;
    for (const path of maps) {
      // beside the modules alone: the same again for CommonJS would take sampling over its megabyte
      if (path.endsWith('.cjs.map')) {
        const code = path.slice(0, -'.map'.length);
        writeFileSync(code, readFileSync(code, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'));
        rmSync(path);
        continue;
      }
      const { sourcesContent: _, ...map } = JSON.parse(readFileSync(path, 'utf8'));
      const sources = map.sources.map((source: string) => {
        const inPackage = relative('.', resolve(dirname(path), source)).replaceAll('\\', '/');
        return `${tag}/${inPackage}`;
      });
      writeFileSync(path, JSON.stringify({ ...map, sources }));
    }
  },
};

/**
 * The only file that knows the bundler. Never minified: a consumer's stack trace stays readable, and kernels
 * are strings that no transform may touch.
 */
export function preset(entry: readonly string[], options: Options = {}): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry: [...entry],
    format: ['esm', 'cjs'],
    dts: declarations,
    clean: !declarations,
    minify: false,
    keepNames: false,
    sourcemap: !declarations,
    splitting: true,
    target: 'es2022',
    platform: 'neutral',
    plugins: [pureDefinitions, linkedMaps],
    ...options,
  });
}
