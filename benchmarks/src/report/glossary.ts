import type { Results } from '../results.ts';
import { shortTitle } from '../views.ts';
import type { ReportTable } from './table.ts';

/** Words and letters of the report, in the order in which they are met. */
const words: readonly (readonly [string, string])[] = [
  ['prefill', 'reading a whole prompt at once, into empty caches'],
  ['decode', 'the step that adds one token to a sequence of the named length'],
  ['KV', 'keys and values: what attention keeps of earlier tokens between steps'],
  ['ratio', 'time ÷ time of the baseline in the same round; below 1× is faster'],
  [
    '[low, high]',
    'the interval that covers the true value with 95 %; a percentage behind it where it is another',
  ],
  ['n', 'samples'],
  ['p10, p90', 'one sample in ten is below, one in ten is above'],
  ['control, “again”', 'the same job timed twice, as if it were two: its ratio is 1 in truth'],
  ['emulated GPU', 'software on the CPU in place of a GPU: results are right, times say nothing about a GPU'],
  ['GFLOP/s, GB/s', 'useful multiply-adds (counted as two) and useful bytes a second, in 10⁹'],
  ['share of limit', 'of what the same engine reaches at most on this machine'],
  ['E, H, Hkv, D, V', 'model width, query heads, key heads, width of a head, vocabulary'],
  ['layers', 'attention layers of the timed stack'],
];

/** What the short names stand for: of the variants of this run, and of everything else. */
export function glossary({ variants }: Results): ReportTable[] {
  return [
    {
      title: 'Variants',
      head: ['shown as', 'stands for'],
      rows: variants.map((variant) => {
        const full = variant.title.replace(/\s*\([^()]{2,8}\)/, '');
        return [shortTitle(variant), `${full}: ${variant.summary}`];
      }),
    },
    { title: 'Words and letters', head: ['shown as', 'stands for'], rows: words },
  ];
}
