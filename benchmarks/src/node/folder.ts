import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { messageOf, UsageError } from '../errors.ts';
import type { ReportFile } from '../report/report.ts';

/**
 * Makes the report folder before anything is measured: a run that could not be saved is not begun.
 * @throws {UsageError} if it cannot be made or written to.
 */
export function prepareFolder(folder: string): string {
  const path = resolve(folder);
  try {
    makeFolder(join(path, 'charts'));
    accessSync(path, constants.W_OK);
    accessSync(join(path, 'charts'), constants.W_OK);
  } catch (error) {
    throw new UsageError(
      `the report folder ${path} cannot be written: ${messageOf(error)}. Choose another with --out`,
    );
  }
  return path;
}

/** @throws {UsageError} if a file cannot be written. */
export function writeFiles(folder: string, files: readonly ReportFile[]): void {
  for (const { path, text } of files) {
    const target = join(folder, path);
    try {
      makeFolder(dirname(target));
      writeFileSync(target, text);
    } catch (error) {
      throw new UsageError(`${target} cannot be written: ${messageOf(error)}`);
    }
  }
}

/** Level by level: Node's own `recursive` never returns where a parent is there and takes no folders (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}
