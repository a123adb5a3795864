import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../errors.ts';

/**
 * Vite, which compiles files of variants and the page of `--browser`: the one beside this command, and where it is
 * installed without one the person's own, which their vitest brings too.
 *
 * @param purpose what it is wanted for, for the message
 * @param files where to look, before the folder the command was typed in
 * @throws {UsageError} if there is none, with the cure.
 */
export async function findVite(purpose: string, files: readonly string[]): Promise<typeof import('vite')> {
  try {
    return await import('vite');
  } catch {
    // it is no dependency of the command line: most people have it, and it is large
  }
  for (const place of [...files, resolve('package.json')]) {
    const near = createRequire(place);
    const vitest = pathOf('vitest', near);
    for (const require of [near, ...(vitest === undefined ? [] : [createRequire(vitest)])]) {
      const path = pathOf('vite', require);
      if (path !== undefined) return import(/* @vite-ignore */ pathToFileURL(path).href);
    }
  }
  throw new UsageError(`${purpose} needs Vite, which is not installed here: npm i -D vite`);
}

function pathOf(name: string, require: NodeJS.Require): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}
