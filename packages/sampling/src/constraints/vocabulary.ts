import { SamplingError, show } from '../errors.ts';
import type { Matcher } from './automaton.ts';

/** The text of each token id: a string, raw bytes, or nothing for a token that stands for no text. */
export type Pieces = readonly (string | Uint8Array | null | undefined)[];

/**
 * A vocabulary laid out for matching: tokens sorted by their bytes, each with the length it shares with the one
 * before, so that a walk reads every common beginning once and skips all tokens behind a dead end.
 */
export class Vocabulary {
  readonly size: number;
  /** Tokens that end a text, allowed where it is complete. */
  readonly endIds: readonly number[];
  readonly #bytes: readonly Uint8Array[];
  /** Ids in the order of their bytes, and those bytes one after another: token `i` of it begins at `#starts[i]`. */
  readonly #order: Uint32Array;
  readonly #sorted: Uint8Array;
  readonly #starts: Uint32Array;
  /** Length of the beginning that token `i` shares with the one before. */
  readonly #shared: Uint32Array;

  /** @throws {SamplingError} if the texts are no list, or one of them is neither a string nor bytes nor null. */
  constructor(pieces: Pieces, endIds: readonly number[]) {
    if (!Array.isArray(pieces) || pieces.length === 0) {
      throw new SamplingError('vocabulary', `needs the text of every token as a list, got ${show(pieces)}`);
    }
    const encoder = new TextEncoder();
    const ends = new Set(endIds);
    this.size = pieces.length;
    this.endIds = endIds;
    this.#bytes = pieces.map((piece, id) => {
      if (ends.has(id) || piece === null || piece === undefined) return new Uint8Array(0);
      if (typeof piece === 'string') return encoder.encode(piece);
      if (piece instanceof Uint8Array) return piece;
      throw new SamplingError(
        'vocabulary',
        `the text of token ${id} must be a string, bytes or null, got ${show(piece)}`,
        { id },
      );
    });
    const ids = this.#bytes.flatMap((bytes, id) => (bytes.length > 0 ? [id] : []));
    ids.sort((a, b) => compare(this.#bytes[a]!, this.#bytes[b]!));
    this.#order = Uint32Array.from(ids);
    this.#shared = Uint32Array.from(ids, (id, i) =>
      i === 0 ? 0 : common(this.#bytes[ids[i - 1]!]!, this.#bytes[id]!),
    );
    this.#starts = new Uint32Array(ids.length + 1);
    ids.forEach((id, i) => {
      this.#starts[i + 1] = this.#starts[i]! + this.#bytes[id]!.length;
    });
    this.#sorted = new Uint8Array(this.#starts[ids.length]!);
    ids.forEach((id, i) => {
      this.#sorted.set(this.#bytes[id]!, this.#starts[i]);
    });
  }

  /** `[V]`: 1 for each token after which the text can still become complete. End tokens are not among them. */
  allowed(matcher: Matcher, state: number): Uint8Array {
    const mask = new Uint8Array(this.size);
    const order = this.#order;
    const sorted = this.#sorted;
    const starts = this.#starts;
    const sharedLengths = this.#shared;
    // reached[d]: the state after the first d bytes of the token at hand; alive: how many of them were possible
    const reached = [state];
    let alive = 0;
    for (let i = 0; i < order.length; i++) {
      const shared = sharedLengths[i]!;
      if (shared > alive) continue;
      const start = starts[i]!;
      const length = starts[i + 1]! - start;
      alive = shared;
      while (alive < length) {
        const next = matcher.next(reached[alive]!, sorted[start + alive]!);
        if (next < 0) break;
        reached[++alive] = next;
      }
      if (alive === length) mask[order[i]!] = 1;
    }
    return mask;
  }

  /** The state after a token, or −1. */
  advance(matcher: Matcher, state: number, id: number): number {
    const bytes = this.#bytes[id];
    if (!bytes || bytes.length === 0) return -1;
    let at = state;
    for (const byte of bytes) {
      at = matcher.next(at, byte);
      if (at < 0) return -1;
    }
    return at;
  }

  /** Tokens as text. */
  text(ids: readonly number[]): string {
    const decoder = new TextDecoder();
    return ids.map((id) => decoder.decode(this.#bytes[id] ?? new Uint8Array(0), { stream: true })).join('');
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = common(a, b);
  return (a[shared] ?? -1) - (b[shared] ?? -1);
}

function common(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
