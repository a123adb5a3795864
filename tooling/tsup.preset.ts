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
    sourcemap: false,
    splitting: true,
    target: 'es2022',
    platform: 'neutral',
    plugins: [pureDefinitions],
    ...options,
  });
}
