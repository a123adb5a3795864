import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { kill, pid } from 'node:process';
import type { Cache } from './contract.ts';
import { CacheFileError } from './format/errors.ts';
import { loadStates, saveStates } from './states.ts';

/**
 * Saves the states of a model to a file that is, at every moment, either the old one or the new one: written
 * beside it under a name of its own, flushed to disk, then renamed over it. Processes and threads may save to one name
 * at a time; the last to finish wins. A save that was killed leaves a `.partial` file. The next save of the same name
 * removes it where it can tell that its writer is gone (on Linux, a process of this start of this machine); any other
 * is left alone. For Node; in a browser, keep the bytes of `saveStates`.
 *
 * @returns the bytes written
 * @throws the file system's error (a disk that is full, a folder that is not there); the old file is then as it was.
 * @throws {ValueError | DeviceError} as `saveStates`.
 */
export async function saveToFile(path: string, states: readonly Cache[]): Promise<number> {
  const bytes = await saveStates(states);
  await writeWhole(path, bytes);
  return bytes.length;
}

/**
 * Loads a file of `saveToFile`, into every layer or into none.
 * @throws {CacheFileError} if it is damaged, of another version, or another model's; the path is in the message.
 * @throws the file system's error if it cannot be read.
 * @throws {ValueError | DeviceError} as `loadStates`.
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

/**
 * Replaces a file by these bytes, or leaves it as it was.
 * @throws the file system's error.
 */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  await removeLeftovers(folder, basename(path));
  const partial = join(folder, `${basename(path)}.${home}.${pid}-${randomBytes(8).toString('hex')}.partial`);
  const file = await open(partial, 'wx');
  try {
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

/**
 * Where process numbers mean the same processes as here: this start of this machine, and in a container this container.
 * Elsewhere a number says nothing about who is alive, and another writer may be at work in the same folder.
 */
const home = homeOf();

function homeOf(): string {
  try {
    const start = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    const text = `${start.trim()} ${readlinkSync('/proc/self/ns/pid')}`;
    return createHash('sha256').update(text).digest('hex').slice(0, 12);
  } catch {
    return 'unknown';
  }
}

/** Removes what killed saves of this name left behind, where they are surely nobody's any more. */
async function removeLeftovers(folder: string, name: string): Promise<void> {
  if (home === 'unknown') return;
  // a folder may let files be made and not be listed
  const entries = await readdir(folder).catch(() => []);
  for (const entry of entries) {
    if (!entry.startsWith(`${name}.${home}.`)) continue;
    const [, owner] = /^(\d+)-[0-9a-f]{16}\.partial$/.exec(entry.slice(name.length + home.length + 2)) ?? [];
    if (owner === undefined || isAlive(Number(owner))) continue;
    await rm(join(folder, entry), { force: true }).catch(() => {});
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
