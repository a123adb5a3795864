import { hash } from '@headwise/training';
import { UsageError } from '../errors.ts';

/** A text as ids: its own bytes, numbered in their order. */
export interface Corpus {
  readonly name: string;
  readonly bytes: number;
  /** Different bytes that occur. */
  readonly V: number;
  /** Of the whole text, so that results say what they are about. */
  readonly digest: string;
  readonly train: Uint8Array;
  /** The end of the text, which is never trained on. */
  readonly check: Uint8Array;
}

/** Share of the text that is kept for checking. */
const CHECKED = 0.1;

/**
 * @param T tokens of a row: each half of the text must hold a few rows
 * @throws {UsageError} for a text that is too short.
 */
export function corpusOf(name: string, text: Uint8Array, T: number): Corpus {
  const least = Math.ceil((2 * T + 1) / CHECKED);
  if (text.length < least)
    throw new UsageError(
      `the text ${name} has ${text.length} bytes; rows of ${T} tokens need at least ${least}`,
    );
  const found = [...new Set(text)].sort((a, b) => a - b);
  const idOf = new Uint8Array(256);
  for (const [id, byte] of found.entries()) idOf[byte] = id;
  const ids = text.map((byte) => idOf[byte]!);
  const cut = Math.floor(text.length * (1 - CHECKED));
  return {
    name,
    bytes: text.length,
    V: found.length,
    digest: digestOf(text),
    train: ids.subarray(0, cut),
    check: ids.subarray(cut),
  };
}

/** Eight letters that change with the text: for telling results apart, not for safety. */
export function digestOf(bytes: ArrayLike<number>): string {
  let state = 0;
  for (let i = 0; i < bytes.length; i++) state = hash(state, bytes[i]!, i);
  return (state >>> 0).toString(16).padStart(8, '0');
}
