import { digits, formatBytes, formatCount, formatDuration, formatMs } from '../format.ts';
import { judged } from '../quality/claims/evidence.ts';
import { decodeOf, type Mean, type QualityLine, qualityLines } from '../quality/summary.ts';
import type { Results } from '../results.ts';
import { distinct, subjectLabel } from '../views.ts';
import type { ReportTable } from './table.ts';

const outcomeWords = {
  'as the paper': 'yes',
  'not as the paper': 'no',
  open: 'open',
  'not trained': 'not trained',
} as const;

/** Outcomes alone, by claim, where lines are short. */
export function claimOutcomes({ claims }: Results): ReportTable[] {
  if (!claims) return [];
  return [
    {
      title: 'What the papers say, tried small: what was expected, and in full, in the report',
      head: ['claim', 'as the paper?', 'came out'],
      rows: judged(claims).map(({ id, verdict }) => [id, outcomeWords[verdict.outcome], verdict.ours]),
    },
  ];
}

/** What the papers say, what came out here, and what had been expected. */
export function claimTables({ claims }: Results): ReportTable[] {
  if (!claims) return [];
  const { shape, T, B, steps, seeds, text } = claims.recipe;
  return [
    {
      title: 'What the papers say, tried small',
      note:
        `E=${shape.E} H=${shape.H} D=${shape.D} layers=${shape.layers}, equal weights; ${formatCount(steps)} steps of ${B} × ${T} bytes of ${text.name}, ` +
        `${seeds.length === 1 ? 'one seed' : `${seeds.length} seeds`}. Changes of perplexity with intervals of 95 % over seeds; “open”: the seeds do not tell. ` +
        'Each interval stands alone: of twenty that are called something, one may be so by chance. ' +
        'A model this small may miss what a large one shows, and the other way round; the last column says how, and was written before the run, as what was expected.',
      head: ['claim', 'the paper', 'expected here', 'came out', 'as the paper?', 'if not, perhaps since'],
      rows: judged(claims).map(({ id, title, paper, theirs, expects, unless, verdict }) => [
        id,
        `${title}. ${paper}: ${theirs}`,
        expects,
        verdict.ours,
        outcomeWords[verdict.outcome],
        verdict.outcome === 'as the paper' || verdict.outcome === 'not trained' ? '' : unless,
      ]),
    },
  ];
}

/** One table for each thing that is held equal: perplexity beside bytes and time. */
export function trainedTables(results: Results): ReportTable[] {
  const { quality } = results;
  if (!quality) return [];
  const baseline = results.variants.find((variant) => variant.baseline)?.name;
  const lines = qualityLines(quality, baseline);
  const { recipe } = quality;
  const { shape, T, B, steps, text, seeds } = recipe;
  return distinct(lines, ({ comparison }) => comparison).map((comparison) => ({
    title: comparison === 'equal-compute' ? 'At equal parameters and equal compute' : 'At equal parameters',
    note:
      `E=${shape.E} H=${shape.H} D=${shape.D} layers=${shape.layers}; ${formatCount(steps)} steps of ${B} × ${T} bytes of ` +
      `${text.name} (${text.V} different), ${seeds.length === 1 ? 'one seed' : `${seeds.length} seeds`}. Perplexity a byte on the end of the text, never trained on; ` +
      'the ratio pairs runs of one seed, which see the same rows in the same order; intervals over seeds by Student’s t, 95 % each. Decode times: one sequence at the end of a row, taken as each was trained and not in turns; the suites attention and model compare times.',
    head: [
      'variant',
      'perplexity',
      '÷ baseline',
      'KV bytes at the end of a row',
      'decode',
      'weights',
      'steps',
      'trained in',
    ],
    rows: lines.filter((line) => line.comparison === comparison).map((line) => rowOf(results, line)),
  }));
}

function rowOf(results: Results, line: QualityLine): string[] {
  const name = subjectLabel(results, line.subject);
  const [first] = line.done;
  const isBaseline = results.variants.some(({ name, baseline }) => baseline && name === line.subject);
  const reasons = line.reasons.join('; ');
  if (!first) return [name, reasons, '', '', '', '', '', ''];
  const decode = decodeOf(line);
  const seconds = line.done.reduce((sum, { timing }) => sum + (timing?.seconds ?? 0), 0);
  return [
    name,
    `${meanWords(line.perplexity!)}${reasons ? `; ${reasons}` : ''}`,
    line.ratio
      ? `${meanWords(line.ratio)}${line.told ? '' : ', not told apart'}`
      : isBaseline
        ? 'baseline'
        : 'not trained beside it',
    formatBytes(first.kv!.bytesAtT),
    decode === undefined ? '' : formatMs(decode),
    formatCount(first.parameters!),
    formatCount(first.steps!),
    formatDuration(1000 * seconds),
  ];
}

/** `7.31 [7.2, 7.4]`; one seed has no interval. */
function meanWords({ mean, low, high, n }: Mean): string {
  return n < 2
    ? `${digits(mean, 4)} (one seed)`
    : `${digits(mean, 4)} [${digits(low, 4)}, ${digits(high, 4)}]`;
}
