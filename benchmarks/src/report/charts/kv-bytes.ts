import { formatBytes, formatContext, formatCount, formatShare } from '../../format.ts';
import type { Results, Row, StateFacts, VariantFacts } from '../../results.ts';
import { rowsOf, shortTitle } from '../../views.ts';
import { type Chart, drawSvg } from '../draw.ts';
import { lineOnly, variantMark } from '../palette.ts';
import { type Panel, panelsOption, type Series } from '../panel.ts';
import { variantPanels } from './series.ts';

const WIDTH = 900;
const MAIN = { left: 78, top: 34, width: 632, height: 270 };
const STRIP = { left: 78, top: 362, width: 632, height: 40 };
const HEIGHT = 456;

/** KV bytes against context, formula and measurement in one picture. */
export function kvBytesChart(results: Results): Chart | undefined {
  const states = results.states.filter(({ curve }) => Object.keys(curve).length > 1);
  const measured = rowsOf(results, { suite: 'attention', phase: 'decode' }).filter(
    ({ kv }) => kv !== undefined,
  );
  if (states.length === 0) return undefined;
  const known = results.variants.filter(({ name }) => states.some(({ subject }) => subject === name));
  const groups = variantPanels(known);
  const panels = groups.flatMap(({ variants, guest }, index): Panel[] => {
    const series = [
      ...(guest ? formulaSeries(results, states, guest, true) : []),
      ...variants.flatMap((variant) => formulaSeries(results, states, variant, false)),
      ...variants.map((variant) => measuredSeries(measured, variant)),
    ];
    const down = index * HEIGHT;
    const x = xRange(states, series);
    return [
      {
        box: { ...MAIN, top: MAIN.top + down },
        heading: 'KV bytes of one sequence: line = formula, open mark = counted by the device',
        x: { title: '', format: formatContext, scale: 'binary', ...x },
        y: { title: '', format: formatBytes, scale: 'binary' },
        series,
      },
      {
        box: { ...STRIP, top: STRIP.top + down },
        heading: 'counted ÷ formula',
        x: { title: 'context (tokens)', format: formatContext, scale: 'binary', ...x },
        y: {
          title: '',
          format: (value) => (value === 1 ? '1' : ''),
          scale: 'linear',
          min: 0.9,
          max: 1.1,
          ticks: [1],
        },
        series: [
          {
            label: '',
            mark: lineOnly,
            bare: true,
            faint: true,
            points: [
              { x: x.min, y: 1 },
              { x: x.max, y: 1 },
            ],
          },
          ...variants.map((variant) => agreementSeries(measured, variant)),
        ],
      },
    ];
  });
  const equal = measured.filter(({ kv }) => kv!.formulaBytes + kv!.slotBytes === kv!.allocatedBytes).length;
  const title = titleOf(results, states, equal, measured.length);
  return {
    id: 'kv-bytes',
    title,
    caption:
      'Both axes logarithmic. Lines come from the variants’ own kv(); open marks are what devices counted for the ' +
      'rows of this run, divided by the batch. The strip below shows counted ÷ formula on a scale of ±10 %.',
    svg: drawSvg(
      'kv-bytes',
      { width: WIDTH, height: HEIGHT * groups.length, label: title },
      panelsOption(panels),
    ),
    table: tableOf(results, states),
  };
}

function xRange(states: readonly StateFacts[], series: readonly Series[]): { min: number; max: number } {
  const contexts = [
    ...states.flatMap(({ curve }) => Object.keys(curve).map(Number)),
    ...series.flatMap(({ points }) => points.map(({ x }) => x)),
  ];
  return {
    min: 2 ** Math.floor(Math.log2(Math.min(...contexts))),
    max: 2 ** Math.ceil(Math.log2(Math.max(...contexts))),
  };
}

function formulaSeries(
  results: Results,
  states: readonly StateFacts[],
  variant: VariantFacts,
  faint: boolean,
): Series[] {
  const own = states.find(({ subject }) => subject === variant.name);
  if (!own) return [];
  const points = Object.entries(own.curve)
    .map(([context, bytes]) => ({ x: Number(context), y: bytes }))
    .sort((a, b) => a.x - b.x);
  const baseline = states.find(
    ({ subject }) => subject === results.variants.find((candidate) => candidate.baseline)?.name,
  );
  const last = points.at(-1)!;
  const against = baseline?.curve[String(last.x)];
  const share = against && baseline !== own ? ` ${formatShare(last.y / against)}` : '';
  return [
    {
      label: `${shortTitle(variant)}${share}`,
      mark: variantMark(variant.order),
      points,
      bare: true,
      faint,
    },
  ];
}

function measuredSeries(measured: readonly Row[], variant: VariantFacts): Series {
  return {
    label: '',
    mark: variantMark(variant.order),
    scattered: true,
    open: true,
    points: perSequence(measured, variant, (row) => row.kv!.allocatedBytes / row.batch),
  };
}

function agreementSeries(measured: readonly Row[], variant: VariantFacts): Series {
  return {
    label: '',
    mark: variantMark(variant.order),
    scattered: true,
    open: true,
    points: perSequence(
      measured,
      variant,
      (row) => row.kv!.allocatedBytes / (row.kv!.formulaBytes + row.kv!.slotBytes),
    ),
  };
}

/** One point per context, the same on every device. */
function perSequence(
  measured: readonly Row[],
  variant: VariantFacts,
  of: (row: Row) => number,
): { x: number; y: number }[] {
  const points = new Map<string, { x: number; y: number }>();
  for (const row of measured) {
    if (row.subject !== variant.name || !(row.kv!.formulaBytes > 0)) continue;
    const point = { x: row.context, y: of(row) };
    points.set(`${point.x} ${point.y}`, point);
  }
  return [...points.values()];
}

function titleOf(results: Results, states: readonly StateFacts[], equal: number, measured: number): string {
  const baseline = results.variants.find((variant) => variant.baseline);
  const base = states.find(({ subject }) => subject === baseline?.name);
  const longest = Math.max(...states.flatMap(({ curve }) => Object.keys(curve).map(Number)));
  const smallest = [...states].sort((a, b) => a.curve[longest]! - b.curve[longest]!)[0]!;
  const variant = results.variants.find(({ name }) => name === smallest.subject);
  const counted =
    measured === 0 ? '' : `; ${equal} of ${measured} measured rows equal the formula to the byte`;
  if (!base || !variant || smallest === base) return `KV bytes against context${counted}`;
  const share = formatShare(smallest.curve[longest]! / base.curve[longest]!);
  return `At ${formatContext(longest)} tokens ${shortTitle(variant)} keeps ${share} of the baseline’s bytes${counted}`;
}

function tableOf(results: Results, states: readonly StateFacts[]): Chart['table'] {
  const contexts = [...new Set(states.flatMap(({ curve }) => Object.keys(curve).map(Number)))].sort(
    (a, b) => a - b,
  );
  return {
    head: ['variant', ...contexts.map(formatContext)],
    rows: results.variants.flatMap((variant) => {
      const own = states.find(({ subject }) => subject === variant.name);
      return own
        ? [[shortTitle(variant), ...contexts.map((context) => formatCount(own.curve[String(context)] ?? 0))]]
        : [];
    }),
  };
}
