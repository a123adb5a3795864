import { END, MARK, START, type Task } from '../contract.ts';
import { countTrue, where } from '../library.ts';
import { numbers } from '../random.ts';

/** Whether the ones are an odd number. Zhou et al. 2023, section 4.2. */
export const parity: Task = {
  name: 'parity',
  title: 'Parity',
  shown: '> 1 0 1 1 | 1 .',
  alphabet: () => ({ symbols: 2, hints: 0 }),
  tokens: (n) => n + 3,
  example(random, n, { symbols }) {
    const bits = numbers(random, n, symbols);
    const ones = bits.reduce((sum, bit) => sum + bit, 0);
    return { prompt: [START, ...bits, MARK], answer: [ones % 2, END] };
  },
  program(l, text) {
    const isMark = l.tokMap(text, (token) => token === MARK);
    // a count grows with the length: taking its remainder is what RASP-L does not do
    const ones = countTrue(
      l,
      l.tokMap(text, (token) => token === 1),
    );
    const odd = l.tokMap(ones, (many) => many % 2);
    return where(l, isMark, odd, l.full(text, END));
  },
  short: false,
  theirs: 'does not generalise (figure 1a)',
  expects: { generalises: false, why: 'every bit counts, and no place of the text holds what was counted' },
};
