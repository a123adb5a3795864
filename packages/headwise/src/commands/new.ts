import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { exitCodes, type Io } from '../io.ts';
import { variantProject } from '../new/project.ts';
import { namePattern } from '../new/variant-template.ts';

/** `headwise new variant <name>`: a small package with one variant and the conformance kit wired up. */
export function runNew(kind: string, name: string, version: string, io: Io): number {
  if (kind !== 'variant') throw new UsageError(`there is no template "${kind}"; there is variant`);
  if (!namePattern.test(name))
    throw new UsageError(
      `a name is words of small letters with hyphens between (sparse-sink), got "${name}"`,
    );
  const folder = resolve(io.cwd, name);
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new UsageError(`the folder ${name} is there already, and not empty`);
  const files = variantProject(name, version);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  io.out(
    `${Object.keys(files)
      .map((path) => `${name}/${path}`)
      .join('\n')}\n\nNext: cd ${name} && npm install && npm test\n`,
  );
  return exitCodes.ok;
}
