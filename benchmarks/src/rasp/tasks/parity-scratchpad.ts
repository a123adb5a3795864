import { END, HINT, MARK, START, type Task } from '../contract.ts';
import { nextAbove, shift, where } from '../library.ts';
import { different, numbers } from '../random.ts';

/**
 * Parity with a scratchpad: each bit has an index hint before it; of every one its hint is said, and the parity up to it.
 * Zhou et al. 2023, section 4.2. Hints go up, with gaps, over all that the longest text needs: those that stand far apart in a
 * long text have stood side by side in a short one. The program never asks for the hint that follows, only for the next above.
 */
export const parityScratchpad: Task = {
  name: 'parity-scratchpad',
  title: 'Parity with scratchpad',
  shown: '> i 1 j 0 k 1 l 1 | i 1 k 0 l 1 .',
  alphabet: (most) => ({ symbols: 2, hints: most + 2 }),
  tokens: (n) => 4 * n + 2,
  example(random, n, { symbols, hints }) {
    const bits = numbers(random, n, symbols);
    const own = different(random, n, hints)
      .toSorted((a, b) => a - b)
      .map((hint) => HINT + hint);
    let odd = 0;
    const said = bits.flatMap((bit, i) => {
      if (bit === 0) return [];
      odd = 1 - odd;
      return [own[i]!, odd];
    });
    return { prompt: [START, ...bits.flatMap((bit, i) => [own[i]!, bit]), MARK], answer: [...said, END] };
  },
  program(l, text) {
    const isHint = l.tokMap(text, (token) => token >= HINT);
    const last = shift(l, text, 1, START);
    // what was said before this hint; after the mark none was odd
    const odd = l.tokMap(last, (token) => (token === 1 ? 0 : 1));
    // hints of ones, at their bits; after the mark any said hint is one of these again
    const ofOnes = l.seqMap(text, last, (token, hint) => (token === 1 ? hint : START));
    const latest = l.seqMap(text, last, (token, hint) => (token === MARK ? START : hint));
    const next = nextAbove(l, ofOnes, latest, END);
    return where(l, isHint, odd, next);
  },
  short: true,
  theirs: 'generalises with hints and a scratchpad that says where it is (section 4.2)',
  expects: { generalises: true, why: 'the next one is the least hint above the last: a sort of the ones' },
};
