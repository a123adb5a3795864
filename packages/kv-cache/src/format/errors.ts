import { KnownError, messageOf } from '@headwise/tensor';

/** Why a file is not taken: the bytes are damaged, or they belong to something else. */
export type CacheFileProblem = 'damaged' | 'version' | 'mismatch';

/** A cache file that cannot be loaded. The cache that was to load it is as it was. */
export class CacheFileError extends KnownError {
  static override readonly kind: string = '@headwise/kv-cache/CacheFileError';
  override readonly name = 'CacheFileError';
  readonly problem: CacheFileProblem;

  /** Never throws. */
  constructor(problem: CacheFileProblem, message: string) {
    super(messageOf(`cache file: ${message}`));
    this.problem = problem;
  }
}

/** The bytes contradict themselves. */
export function damaged(message: string): CacheFileError {
  return new CacheFileError('damaged', message);
}

/** The bytes are sound, and of something else. */
export function mismatch(message: string): CacheFileError {
  return new CacheFileError('mismatch', message);
}
