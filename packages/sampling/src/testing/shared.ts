import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the conformance data beside the repository, or undefined where there is none. */
export function findShared(path: string): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); dirname(at) !== at; at = dirname(at)) {
    const candidate = join(at, 'shared', path);
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
}
