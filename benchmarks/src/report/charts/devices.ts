import { comparedIn, familyOf } from '../../family.ts';
import { formatEstimate, formatMs, formatRatio } from '../../format.ts';
import type { Results } from '../../results.ts';
import { differs, type Estimate, pairedRatio } from '../../statistics.ts';
import { deviceLabel, distinct, isTimed, rowsOf, type TimedRow } from '../../views.ts';
import { type Chart, drawSvg } from '../draw.ts';
import { deviceMark, lineOnly } from '../palette.ts';
import { panelsOption, type Series, words } from '../panel.ts';

const WIDTH = 900;
const ROW = 26;

/** Speed-up of each device over the baseline device, for the same work, interleaved. */
export function devicesChart(results: Results): Chart | undefined {
  const rows = rowsOf(results, { suite: 'device' }).filter(isTimed);
  const base = rows.find(({ baseline }) => baseline === undefined)?.device;
  if (!base || distinct(rows, ({ device }) => device).length < 2) return undefined;
  const works = distinct(rows, ({ subject }) => subject);
  const others = distinct(rows, ({ device }) => device).filter((device) => device !== base);
  const speedups = rows.flatMap((row) => {
    const baseline = rows.find(({ subject, device }) => subject === row.subject && device === base);
    const gain = baseline && row !== baseline ? pairedRatio(baseline.samples, row.samples) : undefined;
    return gain ? [{ row, gain }] : [];
  });
  const title = titleOf(results, speedups, base);
  const height = 70 + works.length * ROW + 24;
  const y = (work: string): number => works.length - 1 - works.indexOf(work);
  const series = others.map((device, order): Series => {
    const own = speedups.filter(({ row }) => row.device === device);
    return {
      label: '',
      mark: deviceMark(order),
      scattered: true,
      points: own.map(({ row, gain }) => ({ x: gain.median, y: y(row.subject), xInterval: gain })),
    };
  });
  const spine: Series = {
    label: '',
    mark: lineOnly,
    bare: true,
    faint: true,
    points: [
      { x: 1, y: -0.5 },
      { x: 1, y: works.length - 0.5 },
    ],
  };
  const option = panelsOption([
    {
      box: { left: 210, top: 44, width: WIDTH - 240, height: works.length * ROW },
      x: { title: `times faster than ${base}`, format: formatRatio, scale: 'decimal' },
      y: {
        title: '',
        scale: 'linear',
        min: -0.5,
        max: works.length - 0.5,
        ticks: [],
        format: () => '',
      },
      series: [spine, ...series],
    },
  ]);
  const text = [
    ...works.map((work, i) => words(work, 200, 44 + (i + 0.5) * ROW, { align: 'right' })),
    ...others.flatMap((device, i) => {
      const { glyph, tone } = deviceMark(i);
      const label = deviceLabel(rows.find((row) => row.device === device)!);
      const x = 210 + i * 200;
      return [words(glyph, x, 16, { fill: tone.light }), words(label, x + 16, 16)];
    }),
  ];
  return {
    id: 'devices',
    title,
    caption:
      `The same operation on each device, calls taking turns; right of 1× is faster than ${base}. Bars are 95 % intervals ` +
      'of the paired ratio. An emulated GPU is software on the CPU: its place says nothing about a GPU.',
    svg: drawSvg('devices', { width: WIDTH, height, label: title }, { ...option, graphic: text }),
    table: {
      head: ['work', ...distinct(rows, ({ device }) => device)],
      rows: works.map((work) => [
        work,
        ...distinct(rows, ({ device }) => device).map((device) => {
          const row = rows.find((candidate) => candidate.subject === work && candidate.device === device);
          const gain = speedups.find((entry) => entry.row === row)?.gain;
          if (!row) return '';
          return `${formatMs(row.summary.median)}${gain ? `, ${formatEstimate(gain)}` : ''}`;
        }),
      ]),
    },
  };
}

function titleOf(
  results: Results,
  speedups: readonly { row: TimedRow; gain: Estimate }[],
  base: string,
): string {
  const family = familyOf(results);
  const told = new Set(
    comparedIn(
      results,
      speedups.map(({ row }) => row),
      family,
    )
      .filter(({ ratio }) => differs(ratio, family.confidence) && ratio.median < 1)
      .map(({ row }) => row),
  );
  const [best] = speedups.filter(({ row }) => told.has(row)).sort((a, b) => b.gain.median - a.gain.median);
  if (!best) return `The same work on every device: none is told apart as faster than ${base}`;
  return `${best.row.subject}: ${deviceLabel(best.row)} is ${formatRatio(best.gain.median)} as fast as ${base}`;
}
