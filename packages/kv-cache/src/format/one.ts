import { CacheFileError } from './errors.ts';
import { decodeCaches, encodeCaches } from './format.ts';
import { checkSnapshot, type Persistent } from './snapshot.ts';

/** `save` of one cache. */
export async function saveOne(cache: Persistent): Promise<Uint8Array> {
  return encodeCaches([await cache.snapshot()]);
}

/** `load` of one cache. */
export function loadOne(cache: Persistent, file: Uint8Array): void {
  const snapshots = decodeCaches(file);
  if (snapshots.length !== 1) {
    throw new CacheFileError(
      'mismatch',
      `it holds ${snapshots.length} states, one cache takes one (loadStates takes the list)`,
    );
  }
  checkSnapshot(cache, snapshots[0]!);
  cache.restore(snapshots[0]!)();
}
