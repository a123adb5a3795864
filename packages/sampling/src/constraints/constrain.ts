import { defineFilter, type Filter } from '../contract.ts';
import { ConstraintError, checkIds, checkOptions, SamplingError, show } from '../errors.ts';
import type { Matcher } from './automaton.ts';
import { type Pieces, Vocabulary } from './vocabulary.ts';

/** What a constraint needs to know of the vocabulary. */
export interface ConstrainOptions {
  /** Text of each token id: a string, raw bytes (byte-level tokenizers), or null for special tokens. */
  readonly pieces: Pieces;
  /** Tokens that end a text: allowed where it is complete, removed elsewhere. */
  readonly endIds?: readonly number[];
}

/** What a constraint remembers: the tokens it has seen. Where that leads is worked out anew after a restore. */
interface ConstraintState {
  readonly accepted: number[];
}

/** How many states keep their list of allowed tokens. */
const remembered = 64;

/**
 * Holds the text to a regular expression, a grammar or a JSON schema: removes every token after which the text
 * could no longer become complete, and follows the tokens that are chosen. Goes first in a chain.
 *
 * ```text
 * remove x unless text + x is the beginning of a complete text; end tokens only where it is complete
 * ```
 *
 * Without end tokens, a run ends (`'complete'`) where nothing may follow.
 *
 * @example
 * chain(constrain(regexMatcher('yes|no'), { pieces, endIds: [2] }), greedy());
 *
 * @throws {SamplingError} if there is no matcher, no list of texts or a text that is none. The rule throws
 * `ConstraintError`, with the text so far, when no candidate is allowed or a token comes that is not.
 */
export function constrain(matcher: Matcher, options: ConstrainOptions): Filter {
  if (typeof matcher?.next !== 'function') {
    throw new SamplingError(
      'constrain',
      `needs a matcher, got ${show(matcher)}; regexMatcher('yes|no') makes one`,
    );
  }
  checkOptions('constrain', options, 'pieces');
  const { pieces, endIds = [] } = options;
  checkIds('constrain', 'endIds', endIds);
  const follower = new Follower(matcher, new Vocabulary(pieces, endIds));
  return defineFilter<ConstraintState>({
    name: 'constrain',
    options: { matcher: matcher.name },
    start: () => ({ accepted: [] }),
    apply(candidates, _context, state) {
      const { at, ended } = follower.follow(state);
      const mask = follower.mask(at);
      const { ids, size } = candidates;
      let some = false;
      for (let i = 0; i < size && !some; i++) some = mask[ids[i]!] === 1;
      if (!some || ended) follower.refuse(state, at, size);
      candidates.retain((i) => mask[ids[i]!] === 1);
    },
    allows: (id, _context, state) => follower.allows(follower.follow(state), id),
    accept(id, _context, state) {
      state.accepted.push(id);
      follower.follow(state);
    },
    finished(state) {
      const { at, ended } = follower.follow(state);
      return ended || (endIds.length === 0 && matcher.accepts(at) && !follower.mask(at).includes(1));
    },
  });
}

/** Where in the matcher a sequence stands. */
interface Place {
  /** Accepted tokens that were followed. */
  read: number;
  /** State of the matcher. */
  at: number;
  /** An end token came. */
  ended: boolean;
}

/** Follows sequences through a matcher, and remembers which tokens its states allow. */
class Follower {
  readonly #matcher: Matcher;
  readonly #vocabulary: Vocabulary;
  readonly #masks = new Map<number, Uint8Array>();
  readonly #places = new WeakMap<ConstraintState, Place>();

  constructor(matcher: Matcher, vocabulary: Vocabulary) {
    this.#matcher = matcher;
    this.#vocabulary = vocabulary;
  }

  /** `[V]`: 1 for each token that may come in this state, end tokens included. */
  mask(at: number): Uint8Array {
    const known = this.#masks.get(at);
    if (known) return known;
    const mask = this.#vocabulary.allowed(this.#matcher, at);
    if (this.#matcher.accepts(at)) for (const id of this.#vocabulary.endIds) mask[id] = 1;
    if (this.#masks.size === remembered) this.#masks.delete(this.#masks.keys().next().value!);
    this.#masks.set(at, mask);
    return mask;
  }

  /** What {@link mask} says of one token, without those beside it. */
  allows({ at, ended }: Readonly<Place>, id: number): boolean {
    if (ended) return false;
    const known = this.#masks.get(at);
    if (known) return known[id] === 1;
    if (this.#vocabulary.endIds.includes(id)) return this.#matcher.accepts(at);
    return this.#vocabulary.advance(this.#matcher, at, id) >= 0;
  }

  follow(state: ConstraintState): Readonly<Place> {
    const matcher = this.#matcher;
    const place = this.#places.get(state) ?? { read: 0, at: matcher.start, ended: false };
    this.#places.set(state, place);
    for (; place.read < state.accepted.length; place.read++) {
      const id = state.accepted[place.read]!;
      if (this.#vocabulary.endIds.includes(id) && matcher.accepts(place.at)) place.ended = true;
      else place.at = place.ended ? -1 : this.#vocabulary.advance(matcher, place.at, id);
      if (place.at < 0) {
        const before = this.#vocabulary.text(state.accepted.slice(0, place.read));
        throw new ConstraintError('constrain', `token ${id} breaks the ${matcher.name}`, before);
      }
    }
    return place;
  }

  refuse(state: ConstraintState, at: number, candidates: number): never {
    const matcher = this.#matcher;
    const problem = matcher.accepts(at)
      ? 'the text is complete and nothing may follow, and there is no end token among the candidates'
      : `the ${matcher.name} allows none of the ${candidates} candidates; ${expected(matcher, at)}`;
    throw new ConstraintError('constrain', problem, this.#vocabulary.text(state.accepted));
  }
}

/** The bytes that could come next, for a message. */
function expected(matcher: Matcher, at: number): string {
  const bytes: string[] = [];
  for (let byte = 0; byte < 256; byte++) {
    if (matcher.next(at, byte) < 0) continue;
    bytes.push(
      byte >= 0x20 && byte < 0x7f ? JSON.stringify(String.fromCharCode(byte)) : `0x${byte.toString(16)}`,
    );
  }
  const shown = bytes.slice(0, 8).join(', ');
  return `the next byte would have to be ${shown}${bytes.length > 8 ? `, … (${bytes.length} in all)` : ''}`;
}
