import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { messageOf, UsageError } from '../errors.ts';
import { SCHEMA } from '../results.ts';
import type { CellStore } from '../sweep.ts';

/**
 * Cells in a folder, a file each, beside the recipe that they follow: what a run that was killed has done is there when
 * it is started again with the same folder.
 *
 * @param name of the folder in the report's
 * @throws {UsageError} if the folder holds cells of another recipe or version, or cannot be written.
 */
export function folderStore<Result extends { readonly id: string }>(
  folder: string,
  name: string,
  recipe: unknown,
): CellStore<Result> {
  const cells = join(folder, name);
  const kept = { schema: SCHEMA, recipe: JSON.parse(JSON.stringify(recipe)) };
  const recipeFile = join(cells, 'recipe.json');
  const write = (path: string, value: unknown): void => {
    try {
      mkdirSync(cells, { recursive: true });
      // a process that dies here leaves no half a file under the name
      const partial = `${path}.${process.pid}.part`;
      writeFileSync(partial, `${JSON.stringify(value, null, 1)}\n`);
      renameSync(partial, path);
    } catch (error) {
      throw new UsageError(
        `${path} cannot be written: ${messageOf(error)}. Choose another folder with --out`,
      );
    }
  };
  const read = (path: string): unknown => {
    if (!existsSync(path)) return undefined;
    try {
      return JSON.parse(readFileSync(path, 'utf8'));
    } catch (error) {
      throw new UsageError(`${path} is not JSON: ${messageOf(error)}. Remove it, and it is made anew`);
    }
  };
  const isOf = (value: unknown, id: string): value is Result =>
    typeof value === 'object' && value !== null && (value as { id?: unknown }).id === id;
  const before = read(recipeFile);
  if (before === undefined) write(recipeFile, kept);
  else if (!isDeepStrictEqual(before, kept))
    throw new UsageError(
      `${cells} holds cells of another run (${differenceOf(before, kept)}): choose another folder with --out, or remove it`,
    );
  const fileOf = (id: string): string => join(cells, `${id.replace(/[^a-z0-9-]+/gi, '_')}.json`);
  return {
    read(id) {
      const value = read(fileOf(id));
      if (value === undefined || isOf(value, id)) return value;
      throw new UsageError(`${fileOf(id)} is no result of ${id}. Remove it, and it is made anew`);
    },
    write: (id, result) => write(fileOf(id), result),
  };
}

/** The first thing that differs: `recipe.steps 300, here 100`. */
function differenceOf(before: unknown, now: unknown, path = ''): string {
  const isRecord = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null;
  if (isRecord(before) && isRecord(now))
    for (const key of new Set([...Object.keys(before), ...Object.keys(now)]))
      if (!isDeepStrictEqual(before[key], now[key]))
        return differenceOf(before[key], now[key], path === '' ? key : `${path}.${key}`);
  return `${path} ${JSON.stringify(before)}, here ${JSON.stringify(now)}`;
}
