import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { numbersOf, readSafetensors } from '@headwise/models';

/**
 * A folder of the conformance data that lie beside the repository, or undefined where there are none: the tests of it
 * then skip, and the log says why.
 */
export function sharedFolder(path: string): string | undefined {
  let root = new URL('./', import.meta.url);
  while (!existsSync(new URL('pnpm-workspace.yaml', root)) && root.pathname !== '/')
    root = new URL('../', root);
  const found = fileURLToPath(new URL(`../shared/${path}/`, root));
  if (existsSync(found)) return found;
  console.log(`skipped: there is no folder shared/${path} beside the repository`);
  return undefined;
}

/** A tensor of `golden.safetensors` in a folder. */
export function goldenTensor(folder: string, name: string): number[] {
  const file = new Uint8Array(readFileSync(join(folder, 'golden.safetensors')));
  return Array.from(numbersOf(readSafetensors(file).tensors.get(name)!), Number);
}
