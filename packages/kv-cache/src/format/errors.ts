import { messageOf } from '@headwise/tensor';

const marker = Symbol.for('@headwise/kv-cache/CacheFileError');

/** Why a file is not taken: the bytes are damaged, or they belong to something else. */
export type CacheFileProblem = 'damaged' | 'version' | 'mismatch';

/** A cache file that cannot be loaded. The cache that was to load it is as it was. */
export class CacheFileError extends Error {
  override readonly name = 'CacheFileError';
  readonly [marker] = true;
  readonly problem: CacheFileProblem;

  /** Never throws. */
  constructor(problem: CacheFileProblem, message: string) {
    super(messageOf(`cache file: ${message}`));
    this.problem = problem;
  }

  /** Like `instanceof`, but holds when two copies of this package (ESM and CommonJS) are loaded. Never throws. */
  static isInstance(error: unknown): error is CacheFileError {
    return typeof error === 'object' && error !== null && marker in error;
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
