import { END, type Example, MARK, START, type Task } from '../contract.ts';
import { mode as mostFrequent, where } from '../library.ts';
import { different, type Random } from '../random.ts';

/** Different symbols of a text, at most: few, or each would be there once. */
const KINDS = 5;

/** The most frequent token, which is one alone. Zhou et al. 2023, section 4.1. */
export const mode: Task = {
  name: 'mode',
  title: 'Mode',
  shown: '> a b b c b | b .',
  alphabet: () => ({ symbols: 16, hints: 0 }),
  tokens: (n) => n + 3,
  example(random, n, { symbols }) {
    for (;;) {
      const text = drawn(random, n, symbols);
      const times = [...new Set(text)]
        .map((symbol) => [symbol, text.filter((other) => other === symbol).length] as const)
        .toSorted(([, a], [, b]) => b - a);
      if (times.length > 1 && times[0]![1] === times[1]![1]) continue;
      return { prompt: [START, ...text, MARK], answer: [times[0]![0], END] } satisfies Example;
    }
  },
  program(l, text) {
    const isMark = l.tokMap(text, (token) => token === MARK);
    const most = mostFrequent(
      l,
      text,
      l.tokMap(text, (token) => token >= 0),
    );
    return where(l, isMark, most, l.full(text, END));
  },
  short: true,
  theirs: 'generalises (figure 1a)',
  expects: { generalises: true, why: 'shares of a text do not depend on its length' },
};

function drawn(random: Random, n: number, symbols: number): number[] {
  const kinds = different(random, KINDS, symbols);
  return Array.from({ length: n }, () => kinds[random.below(KINDS)]!);
}
