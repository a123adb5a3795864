import { existsSync, readFileSync } from 'node:fs';

/**
 * A folder of the conformance data that lie beside the repository, or undefined where there are none: the tests
 * of it then skip, and the log says why.
 */
export function sharedFolder(path: string): URL | undefined {
  let root = new URL('./', import.meta.url);
  while (!existsSync(new URL('pnpm-workspace.yaml', root)) && root.pathname !== '/')
    root = new URL('../', root);
  const folder = new URL(`../shared/${path}/`, root);
  if (existsSync(folder)) return folder;
  console.log(`skipped: there is no folder shared/${path} beside the repository`);
  return undefined;
}

/** A golden checkpoint: of this package's own (`golden/tiny`), or of the conformance data beside the repository. */
export function tinyFolder(name: string): URL | undefined {
  const own = new URL(`../../golden/tiny/${name}/`, import.meta.url);
  return existsSync(own) ? own : sharedFolder(`conformance/models/tiny/${name}`);
}

/** A file of that folder. */
export function bytesOf(folder: URL, name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, folder)));
}

/** A JSON file of that folder. */
export function jsonOf<T>(folder: URL, name: string): T {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as T;
}
