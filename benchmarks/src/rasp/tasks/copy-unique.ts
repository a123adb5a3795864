import { END, MARK, START, type Task } from '../contract.ts';
import { induct } from '../library.ts';
import { different } from '../random.ts';

/** Copying tokens of which none is there twice. Zhou et al. 2023, section 4.1. */
export const copyUnique: Task = {
  name: 'copy-unique',
  title: 'Copy, unique tokens',
  shown: '> a b c | a b c .',
  alphabet: (most) => ({ symbols: most + 2, hints: 0 }),
  tokens: (n) => 2 * n + 2,
  example(random, n, { symbols }) {
    const text = different(random, n, symbols);
    return { prompt: [START, ...text, MARK], answer: [...text, END] };
  },
  program(l, text) {
    // what stood after this token the first time; after the mark, what stood after the start
    const query = l.tokMap(text, (token) => (token === MARK ? START : token));
    return l.tokMap(induct(l, text, query, 1), (token) => (token === MARK ? END : token));
  },
  short: true,
  theirs: 'generalises: an induction head (figure 1a)',
  expects: { generalises: true, why: 'each token says which one comes next' },
};
