import { readdirSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ByteSource, FileSet } from './checkpoint.ts';
import { FormatError } from './errors.ts';
import { checkLength, checkSpan } from './sources/byte-sources.ts';
import { Spares } from './sources/fresh.ts';

const FORMAT = 'file';
/** One call of the system reads no more. */
const MOST_AT_ONCE = 2 ** 30;

/**
 * A file on disk, of which only what is asked for is read. For Node.
 * @throws {FormatError} if it cannot be opened, or is no file.
 */
export async function fileSource(path: string): Promise<ByteSource> {
  let file: FileHandle;
  let size: number;
  try {
    file = await open(path, 'r');
    const stat = await file.stat();
    if (!stat.isFile()) {
      await file.close();
      throw new Error('it is no file');
    }
    ({ size } = stat);
  } catch (error) {
    throw new FormatError(FORMAT, `${path} cannot be opened: ${(error as Error).message}`);
  }
  const spares = new Spares();
  return {
    name: path,
    size,
    async read(start, end, signal) {
      signal?.throwIfAborted();
      checkSpan(path, size, start, end);
      const bytes = spares.get(end - start);
      await fill(file, path, start, bytes, signal);
      return spares.lend(bytes);
    },
    async readInto(start, target, signal) {
      signal?.throwIfAborted();
      checkSpan(path, size, start, start + target.length);
      await fill(file, path, start, target, signal);
    },
    close() {
      spares.clear();
      file.close().catch(() => {});
    },
  };
}

async function fill(
  file: FileHandle,
  path: string,
  start: number,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    const read = await readSome(file, path, bytes, at, start);
    signal?.throwIfAborted();
    if (read === 0) break;
    at += read;
  }
  if (at < bytes.length) checkLength(path, bytes.subarray(0, at), start, start + bytes.length);
}

async function readSome(
  file: FileHandle,
  path: string,
  bytes: Uint8Array,
  at: number,
  start: number,
): Promise<number> {
  try {
    const length = Math.min(bytes.length - at, MOST_AT_ONCE);
    return (await file.read(bytes, at, length, start + at)).bytesRead;
  } catch (error) {
    throw new FormatError(FORMAT, `${path} cannot be read: ${(error as Error).message}`);
  }
}

/**
 * The files of a model on disk: of a folder, or of one file, with those that belong to it beside it. For Node.
 * @throws {FormatError} if there is nothing under the path.
 */
export function pathFiles(path: string): FileSet {
  let isFolder: boolean;
  let folder: string;
  let names: string[];
  try {
    isFolder = statSync(path).isDirectory();
    folder = isFolder ? path : dirname(path);
    names = readdirSync(folder).sort();
  } catch {
    throw new FormatError('model', `there is no ${path}`);
  }
  return {
    name: path,
    main: isFolder ? undefined : basename(path),
    names,
    async open(name) {
      const file = join(folder, name);
      return statSync(file, { throwIfNoEntry: false })?.isFile() ? fileSource(file) : undefined;
    },
  };
}
