import { END, MARK, PLUS, START, type Task } from '../contract.ts';
import { equals, type Rasp, type Sequence } from '../language.ts';
import { at, first, hasSeen, where } from '../library.ts';
import { numbers } from '../random.ts';
import { sumOf } from './sum-of.ts';

/** Addition of two numbers of n digits, the first digit first, without hints. Zhou et al. 2023, section 4.2. */
export const addition: Task = {
  name: 'addition',
  title: 'Addition',
  shown: '> 5 7 + 6 8 | 1 2 5 .',
  alphabet: () => ({ symbols: 10, hints: 0 }),
  tokens: (n) => 3 * n + 4,
  example(random, n, { symbols }) {
    const [x, y] = [numbers(random, n, symbols), numbers(random, n, symbols)];
    return { prompt: [START, ...x, PLUS, ...y, MARK], answer: [...sumOf(x, y), END] };
  },
  program(l, text) {
    const { indices } = l;
    const [plus, mark] = [first(l, text, l.full(text, PLUS)), first(l, text, l.full(text, MARK))];
    // places are subtracted from places all along: the digit said here is that many from the mark
    const place = l.seqMap(indices(text), mark, (here, there) => here - there);
    const column = (of: Sequence): Sequence => l.seqMap(of, place, (start, i) => start + i);
    const digit = (of: Sequence): Sequence => at(l, text, column(of));
    const pair = l.seqMap(digit(l.full(text, 0)), digit(plus), (x, y) => x + y);
    const carry = carried(l, text, plus, place);
    const isFirst = l.tokMap(text, (token) => token === MARK);
    const value = where(
      l,
      isFirst,
      carry,
      l.seqMap(pair, carry, (sum, more) => (sum + more) % 10),
    );
    const width = l.seqMap(mark, plus, (end, middle) => end - middle - 1);
    const isOver = l.seqMap(place, width, (i, n) => i > n);
    return where(l, isOver, l.full(text, END), value);
  },
  short: false,
  theirs: 'does not generalise: a carry from the last digit is needed for the first (figure 1a)',
  expects: {
    generalises: false,
    why: 'digits are found by arithmetic on places, and carries come from what is not said yet',
  },
};

/** Whether what stands right of the column that is said next carries into it. */
function carried(l: Rasp, text: Sequence, plus: Sequence, place: Sequence): Sequence {
  // each digit of the second number with the one above it
  const offset = l.seqMap(l.indices(text), plus, (here, middle) => here - middle);
  const above = at(l, text, offset);
  const isSecond = l.seqMap(
    l.seqMap(text, hasSeen(l, text, PLUS), (token, after) => token >= 0 && after === 1),
    hasSeen(l, text, MARK),
    (is, over) => is === 1 && over === 0,
  );
  const sums = l.seqMap(
    l.seqMap(text, above, (x, y) => x + y),
    isSecond,
    (sum, is) => (is ? sum : -1),
  );
  // the nearest column to the right whose digits are not 9 together decides
  const decides = l.seqMap(offset, sums, (i, sum) => (sum >= 0 && sum !== 9 ? i : -1));
  const nearest = l.kqv(decides, place, decides, (key, query) => key > query, {
    reduction: 'min',
    otherwise: -1,
  });
  return l.tokMap(l.kqv(decides, nearest, sums, equals), (sum) => sum > 9);
}
