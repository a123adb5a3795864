import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { kill, pid } from 'node:process';
import type { Cache } from './contract.ts';
import { CacheFileError } from './format/errors.ts';
import { loadStates, saveStates } from './states.ts';

let saves = 0;

/**
 * Saves the states of a model to a file that is, at every moment, either the old one or the new one: written
 * beside it, flushed to disk, then renamed over it. A save that was killed leaves a `.partial` file, which the
 * next save of the same name removes. For Node; in a browser, keep the bytes of `saveStates`.
 *
 * @returns the bytes written
 * @throws the file system's error; the old file is then as it was.
 */
export async function saveToFile(path: string, states: readonly Cache[]): Promise<number> {
  const bytes = await saveStates(states);
  await writeWhole(path, bytes);
  return bytes.length;
}

/**
 * Loads a file of `saveToFile`, into every layer or into none.
 * @throws {CacheFileError} if it is damaged, of another version, or another model's; the path is in the message.
 */
export async function loadFromFile(path: string, states: readonly Cache[]): Promise<void> {
  const bytes = await readFile(path);
  try {
    loadStates(states, bytes);
  } catch (error) {
    if (!CacheFileError.isInstance(error)) throw error;
    throw new CacheFileError(error.problem, `${error.message.replace(/^cache file: /, '')} (${path})`);
  }
}

/** Replaces a file by these bytes, or leaves it as it was. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  await removeLeftovers(folder, basename(path));
  const partial = join(folder, `${basename(path)}.${pid}-${saves++}.partial`);
  try {
    const file = await open(partial, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Makes the rename last through a power cut, where the system lets a folder be flushed (Windows does not). */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'EISDIR' && code !== 'EACCES' && code !== 'EINVAL') throw error;
  }
}

/** Removes what killed saves of this name left behind; a process that still runs keeps its own. */
async function removeLeftovers(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(`${name}.`) || !entry.endsWith('.partial')) continue;
    const owner = Number(/\.(\d+)-\d+\.partial$/.exec(entry)?.[1] ?? Number.NaN);
    if (Number.isInteger(owner) && !isAlive(owner)) await rm(join(folder, entry), { force: true });
  }
}

function isAlive(owner: number): boolean {
  try {
    kill(owner, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
