import { END, HINT, MARK, PLUS, START, type Task } from '../contract.ts';
import { hasSeen, induct, shift, where } from '../library.ts';
import { numbers } from '../random.ts';
import { sumOf } from './sum-of.ts';

/**
 * Addition whose answer begins with the last digit, and an index hint before each digit: the same for digits of one column.
 * Numbers begin with a 0 for the carry. Zhou et al. 2023, section 4.2.
 */
export const additionReversed: Task = {
  name: 'addition-reversed',
  title: 'Addition, reversed, with hints',
  shown: '> i 0 j 5 k 7 + i 0 j 6 k 8 | k 5 j 2 i 1 .',
  alphabet: (most) => ({ symbols: 10, hints: most + 3 }),
  tokens: (n) => 6 * n + 9,
  example(random, n, { symbols, hints }) {
    const [x, y] = [numbers(random, n, symbols), numbers(random, n, symbols)];
    const from = HINT + random.below(hints - n);
    const hinted = (digits: readonly number[]): number[] => digits.flatMap((digit, i) => [from + i, digit]);
    const said = sumOf(x, y)
      .flatMap((digit, i) => [[from + i, digit]])
      .toReversed();
    return {
      prompt: [START, ...hinted([0, ...x]), PLUS, ...hinted([0, ...y]), MARK],
      answer: [...said.flat(), END],
    };
  },
  program(l, text) {
    const isHint = l.tokMap(text, (token) => token >= HINT);
    const isMark = l.tokMap(text, (token) => token === MARK);
    const isPrompt = l.tokMap(hasSeen(l, text, MARK), (seen) => !seen);
    const last = shift(l, text, 1, START);
    // each digit of the second number and the one with the same hint before it
    const aside = l.seqMap(text, isPrompt, (token, is) => (is && token >= HINT ? token : START));
    const other = induct(l, aside, last, 1, text);
    const isSecond = l.seqMap(hasSeen(l, text, PLUS), isPrompt, (after, before) => Boolean(after && before));
    const sums = l.seqMap(
      l.seqMap(text, other, (x, y) => (x >= 0 && x < HINT ? x + y : START)),
      isSecond,
      (sum, is) => (is ? sum : START),
    );
    const hints = l.seqMap(
      last,
      l.seqMap(isSecond, isHint, (is, hint) => Boolean(is && !hint)),
      (hint, is) => (is ? hint : START),
    );
    const sumAt = (query: typeof text): typeof text =>
      l.kqv(hints, query, sums, (key, hint) => key === hint && hint >= HINT);
    // the column before, at a hint: its sum, and the digit that was said of it tell whether it carries
    const before = sumAt(shift(l, text, 2, START));
    const carry = l.seqMap(before, last, (sum, digit) => sum > 9 || (sum === 9 && digit === 0));
    const digit = l.seqMap(sumAt(text), carry, (sum, more) => (sum + more) % 10);
    // hints go down to that of the carry, which stands after the start
    const lowest = induct(l, text, l.full(text, START), 1);
    const next = l.seqMap(last, lowest, (hint, least) => (hint > least ? hint - 1 : END));
    const begin = shift(l, text, 2);
    return where(l, isHint, digit, where(l, isMark, begin, next));
  },
  short: true,
  theirs:
    'generalises somewhat: the reversed order makes carries local, hints find the columns (section 4.2, figure 5)',
  expects: {
    generalises: true,
    why: 'hints find the column, and the last carry can be told from the digit that was said',
  },
};
