import { END, MARK, START, type Task } from '../contract.ts';
import { at, first } from '../library.ts';
import { numbers } from '../random.ts';

/** Copying tokens that repeat: of two kinds alone. Zhou et al. 2023, section 4.1. */
export const copyRepeated: Task = {
  name: 'copy-repeated',
  title: 'Copy, repeated tokens',
  shown: '> a b a | a b a .',
  alphabet: () => ({ symbols: 2, hints: 0 }),
  tokens: (n) => 2 * n + 2,
  example(random, n, { symbols }) {
    const text = numbers(random, n, symbols);
    return { prompt: [START, ...text, MARK], answer: [...text, END] };
  },
  program(l, text) {
    // how far from the mark, as far from the start: this subtracts places, which RASP-L does not
    const mark = first(l, text, l.full(text, MARK));
    const place = l.seqMap(l.indices(text), mark, (here, there) => here - there + 1);
    return l.tokMap(at(l, text, place), (token) => (token === MARK ? END : token));
  },
  short: false,
  theirs: 'does not generalise: which occurrence it is takes arithmetic on places (figure 1a)',
  expects: { generalises: false, why: 'the token does not say where it stands' },
};
