import { comparedIn, familyOf, headlineContext } from '../../family.ts';
import { formatContext, formatMs, formatRatio } from '../../format.ts';
import type { Results } from '../../results.ts';
import { differs } from '../../statistics.ts';
import {
  isTimed,
  type Place,
  placeId,
  placeLabel,
  ratioToBaseline,
  rowsOf,
  shortTitle,
  type TimedRow,
} from '../../views.ts';
import { type Chart, drawSvg } from '../draw.ts';
import { panelsOption } from '../panel.ts';
import { PANEL, stacked, timeSeries, timeTable, variantPanels } from './series.ts';

/** Time against context of one phase on one device: how it grows, and who is cheaper at the end. */
export function timeChart(results: Results, phase: string, { device, batch }: Place): Chart | undefined {
  const rows = rowsOf(results, {
    suite: 'attention',
    phase,
    device,
    batch,
    comparison: 'equal-shape',
  }).filter(isTimed);
  if (rows.length === 0) return undefined;
  const id = `${phase}-${placeId({ device, batch })}`;
  const label = placeLabel(rows[0]!);
  const title = finding(results, phase, label, rows);
  const panels = variantPanels(
    results.variants.filter(({ name }) => rows.some((row) => row.subject === name)),
  );
  const relative = (row: TimedRow | undefined): string => {
    const ratio = row && ratioToBaseline(results, row);
    return ratio ? ` ${formatRatio(ratio.median)}` : '';
  };
  const contexts = rows.map(({ context }) => context);
  const option = panelsOption(
    panels.map(({ variants, guest }, index) => ({
      box: stacked(index),
      heading: `${phase} on ${label}, ms per layer`,
      x: {
        title: 'context (tokens)',
        format: formatContext,
        scale: 'binary',
        min: Math.min(...contexts) * 0.94,
        max: Math.max(...contexts) * 1.06,
      },
      y: { title: '', format: formatMs, scale: 'decimal' },
      series: [
        ...(guest ? timeSeries([guest], rows, shortTitle, true) : []),
        ...timeSeries(variants, rows, (variant, own) => `${shortTitle(variant)}${relative(own.at(-1))}`),
      ],
    })),
  );
  return {
    id,
    title,
    caption:
      `Median time of one layer on ${label}, both axes logarithmic, marks set a little apart; bars are intervals of at least ` +
      `95 % (of all samples where there are fewer than 6). Beside each line: its time ÷ the baseline's at the longest context, from paired samples.`,
    svg: drawSvg(id, { width: PANEL.width, height: PANEL.height * panels.length, label: title }, option),
    table: timeTable(results, rows),
  };
}

function finding(results: Results, phase: string, device: string, rows: readonly TimedRow[]): string {
  const family = familyOf(results);
  const longest = Math.max(...rows.map(({ context }) => context));
  const context = headlineContext(results, rows, family) ?? longest;
  const compared = comparedIn(results, rows, family).filter(({ row }) => row.context === context);
  const [best] = compared
    .filter(({ ratio }) => differs(ratio, family.confidence) && ratio.median < 1)
    .sort((a, b) => a.ratio.median - b.ratio.median);
  const place = `${phase} at ${formatContext(context)} tokens on ${device}`;
  if (!best) return `${capital(place)}: no variant is told apart as faster than the baseline`;
  const variant = results.variants.find(({ name }) => name === best.row.subject);
  return `${capital(place)}: ${variant ? shortTitle(variant) : best.row.subject} takes ${formatRatio(best.ratio.median)} the baseline's time`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
