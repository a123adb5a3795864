import { END, MARK, START, type Task } from '../contract.ts';
import { nextAbove } from '../library.ts';
import { different } from '../random.ts';

/** Sorting numbers of which none is there twice. Zhou et al. 2023, section 4.1. */
export const sort: Task = {
  name: 'sort',
  title: 'Sort',
  shown: '> 7 2 5 | 2 5 7 .',
  alphabet: (most) => ({ symbols: most + 2, hints: 0 }),
  tokens: (n) => 2 * n + 2,
  example(random, n, { symbols }) {
    const text = different(random, n, symbols);
    return { prompt: [START, ...text, MARK], answer: [...text.toSorted((a, b) => a - b), END] };
  },
  program(l, text) {
    // one head: the least number above this one; the start is below all of them
    const from = l.tokMap(text, (token) => Math.max(token, START));
    return nextAbove(l, from, from, END);
  },
  short: true,
  theirs: 'generalises (figure 1a)',
  expects: { generalises: true, why: 'the next number is the least above the last, whatever the length' },
};
