import type { Change } from '../../compare.ts';
import { formatEstimate, formatRatio } from '../../format.ts';
import type { Results } from '../../results.ts';
import { differs, type Estimate } from '../../statistics.ts';
import { ratioToBaseline, rowLabel } from '../../views.ts';
import { type Chart, drawSvg } from '../draw.ts';
import { ink, lineOnly, type Tone } from '../palette.ts';
import { panelsOption, type Series, words } from '../panel.ts';

const WIDTH = 900;
const ROW = 20;
const LEFT = 400;
/** Lines of a picture that still fits a screen or two: the table below it has all. */
const MOST_LINES = 40;

interface Entry {
  readonly label: string;
  readonly ratio: Estimate;
  readonly verdict: 'faster' | 'slower' | 'undecided';
}

const looks: Readonly<Record<Entry['verdict'], { tone: Tone; symbol: string; glyph: string; word: string }>> =
  {
    faster: { tone: ink.faster, symbol: 'path://M0 0h12l-6 11z', glyph: '▼', word: '▼ faster' },
    slower: { tone: ink.slower, symbol: 'triangle', glyph: '▲', word: '▲ slower' },
    undecided: { tone: ink.undecided, symbol: 'circle', glyph: '○', word: '○ not told apart' },
  };

/** What changed of the ratios to the baseline between two runs, one line each with its interval. */
export function changesChart(results: Results, changes: readonly Change[]): Chart | undefined {
  const entries = changes
    .flatMap(({ row, relative, verdict }): Entry[] =>
      relative ? [{ label: rowLabel(results, row), ratio: relative, verdict }] : [],
    )
    .sort((a, b) => b.ratio.median - a.ratio.median);
  if (entries.length === 0) return undefined;
  const count = (verdict: Entry['verdict']): number =>
    entries.filter((entry) => entry.verdict === verdict).length;
  return forest('changes', {
    title: `Against their baseline ${count('slower')} rows are slower than in the other run, ${count('faster')} faster, ${count('undecided')} not told apart`,
    caption:
      'The ratio to the baseline in this run ÷ in the other, sorted; right of 1× has lost against the baseline. With 95 % ' +
      `all ${entries.length} intervals are right at once. ▲ slower and ▼ faster are told apart from no change, ○ is not.` +
      (entries.length > MOST_LINES
        ? ` Drawn are the ${MOST_LINES} that moved furthest; the table has all.`
        : ''),
    axis: 'ratio to the baseline, this run ÷ the other',
    entries,
  });
}

/** The baseline against itself: what the suite calls a difference where there is none. */
export function controlChart(results: Results): Chart | undefined {
  const entries = results.rows.flatMap((row): Entry[] => {
    const ratio = row.control ? ratioToBaseline(results, row) : undefined;
    if (!ratio) return [];
    const verdict = differs(ratio) ? (ratio.median > 1 ? 'slower' : 'faster') : 'undecided';
    return [
      {
        label: rowLabel(results, row),
        ratio,
        verdict,
      },
    ];
  });
  if (entries.length === 0) return undefined;
  const covered = entries.filter(({ verdict }) => verdict === 'undecided').length;
  return forest('control', {
    title: `The baseline against itself: ${covered} of ${entries.length} intervals contain 1`,
    caption:
      'The baseline was timed twice in these groups as if it were two variants. Its ratio to itself is 1 in truth; about ' +
      '1 interval in 20 may miss it by chance. How far these lie from 1 is how far to trust every other ratio.',
    axis: 'time ÷ time of the same row',
    entries,
  });
}

function forest(
  id: string,
  {
    title,
    caption,
    axis,
    entries: all,
  }: { title: string; caption: string; axis: string; entries: readonly Entry[] },
): Chart {
  const entries = furthest(all);
  const height = entries.length * ROW + 84;
  const y = (entry: Entry): number => entries.length - 1 - entries.indexOf(entry);
  const series = (['faster', 'slower', 'undecided'] as const).map((verdict): Series => {
    const { tone, symbol, glyph } = looks[verdict];
    return {
      label: '',
      mark: { tone, symbol, glyph, dash: [] },
      scattered: true,
      open: verdict === 'undecided',
      points: entries
        .filter((entry) => entry.verdict === verdict)
        .map((entry) => ({ x: entry.ratio.median, y: y(entry), xInterval: entry.ratio })),
    };
  });
  const spine: Series = {
    label: '',
    mark: lineOnly,
    bare: true,
    faint: true,
    points: [
      { x: 1, y: -0.5 },
      { x: 1, y: entries.length - 0.5 },
    ],
  };
  const reach = reachOf(entries);
  const option = panelsOption([
    {
      box: { left: LEFT, top: 36, width: WIDTH - LEFT - 30, height: entries.length * ROW },
      x: {
        title: axis,
        format: formatRatio,
        scale: 'decimal',
        min: 1 / reach,
        max: reach,
        ticks: [1 / reach, 1 / Math.sqrt(reach), 1, Math.sqrt(reach), reach],
      },
      y: {
        title: '',
        scale: 'linear',
        min: -0.5,
        max: entries.length - 0.5,
        ticks: [],
        format: () => '',
      },
      series: [spine, ...series],
    },
  ]);
  const names = entries.map(({ label }, i) =>
    words(label, LEFT - 12, 36 + (i + 0.5) * ROW, { align: 'right' }),
  );
  return {
    id,
    title,
    caption,
    svg: drawSvg(id, { width: WIDTH, height, label: title }, { ...option, graphic: names }),
    table: {
      head: ['row', 'ratio', 'verdict'],
      rows: all.map(({ label, ratio, verdict }) => [label, formatEstimate(ratio), looks[verdict].word]),
    },
  };
}

/** What is told apart before what is not, then by distance from 1; in the order they came. */
function furthest(entries: readonly Entry[]): Entry[] {
  const told = ({ verdict }: Entry): number => (verdict === 'undecided' ? 0 : 1);
  const distance = ({ ratio }: Entry): number => Math.abs(Math.log(ratio.median));
  const kept = [...entries]
    .sort((a, b) => told(b) - told(a) || distance(b) - distance(a))
    .slice(0, MOST_LINES);
  return entries.filter((entry) => kept.includes(entry));
}

/** A round factor that holds every interval; what lies beyond 16 times is cut. */
function reachOf(entries: readonly Entry[]): number {
  const ends = entries.flatMap(({ ratio }) => [ratio.high, 1 / ratio.low]).filter(Number.isFinite);
  const most = Math.max(...ends);
  return [1.02, 1.05, 1.1, 1.2, 1.5, 2, 4, 8].find((reach) => reach >= most) ?? 16;
}
