import { END, MARK, START, type Task } from '../contract.ts';
import { equals } from '../language.ts';
import { at, first, where } from '../library.ts';

/** Counting: from one number to another. Zhou et al. 2023, section 4.1 and figure 1b. */
export const count: Task = {
  name: 'count',
  title: 'Counting',
  shown: '> 5 8 | 5 6 7 8 .',
  alphabet: (most) => ({ symbols: most + 4, hints: 0 }),
  tokens: (n) => n + 4,
  example(random, n, { symbols }) {
    const from = random.below(symbols - n + 1);
    const numbers = Array.from({ length: n }, (_, i) => from + i);
    return { prompt: [START, from, from + n - 1, MARK], answer: [...numbers, END] };
  },
  program(l, text) {
    const mark = first(l, text, l.full(text, MARK));
    const isMark = l.tokMap(text, (token) => token === MARK);
    const begin = at(l, text, l.move(mark, -2));
    const end = at(l, text, l.move(mark, -1));
    const isOver = l.compare(text, end, equals);
    const next = where(
      l,
      isOver,
      l.full(text, END),
      l.tokMap(text, (token) => token + 1),
    );
    return where(l, isMark, begin, next);
  },
  short: true,
  theirs: 'generalises: trained up to 60, nearly perfect at 150 (figure 1b)',
  expects: { generalises: true, why: 'the next number follows from the last, and the end is compared' },
};
