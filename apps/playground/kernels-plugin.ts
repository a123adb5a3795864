import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const deviceWasm = fileURLToPath(new URL('../../packages/device-wasm', import.meta.url));

/**
 * Compiles the kernels of the wasm device where a clone has none yet: they are generated, and the page imports them.
 *
 * @param folder of the package that has them
 */
export function kernelsPlugin(folder: string = deviceWasm): Plugin {
  return {
    name: 'headwise-kernels',
    // before the first request and the first module, in dev and build alike
    config() {
      if (existsSync(`${folder}/src/generated/kernels.ts`)) return;
      console.log('playground: compiling the kernels of the wasm device …');
      execFileSync(process.execPath, [`${folder}/scripts/build-kernels.mjs`], { stdio: 'inherit' });
    },
  };
}
