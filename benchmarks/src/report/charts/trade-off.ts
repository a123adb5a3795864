import { formatBytes, formatContext, formatMs, formatMsEstimate } from '../../format.ts';
import type { Results } from '../../results.ts';
import { isTimed, type Place, placeId, placeLabel, rowsOf, shortTitle, type TimedRow } from '../../views.ts';
import { type Chart, drawSvg } from '../draw.ts';
import { lineOnly, variantMark } from '../palette.ts';
import { panelsOption, type Series } from '../panel.ts';
import { PANEL, stacked, variantPanels } from './series.ts';

/** Decode time against KV bytes at the longest context of one device: what is paid for what. */
export function tradeOffChart(results: Results, { device, batch }: Place): Chart | undefined {
  const decode = rowsOf(results, {
    suite: 'attention',
    phase: 'decode',
    device,
    batch,
    comparison: 'equal-shape',
  })
    .filter(isTimed)
    .filter(({ kv }) => kv !== undefined && kv.allocatedBytes > 0);
  if (decode.length === 0) return undefined;
  const longest = Math.max(...decode.map(({ context }) => context));
  const rows = decode.filter(({ context }) => context === longest);
  const label = placeLabel(rows[0]!);
  const panels = variantPanels(
    results.variants.filter(({ name }) => rows.some((row) => row.subject === name)),
  );
  const sizes = rows.map((row) => row.kv!.allocatedBytes / row.batch);
  const front = paretoFront(rows);
  const id = `trade-off-${placeId({ device, batch })}`;
  const names = front.map(({ subject }) => nameOf(results, subject));
  const title = `Decode at ${formatContext(longest)} tokens on ${label}: by their medians nothing is both smaller and faster than ${list(names)}`;
  return {
    id,
    title,
    caption:
      'One point per variant, both axes logarithmic: lower is faster, further left is smaller. The grey step joins the ' +
      'variants that no other beats in both; bars are intervals of the median time.',
    svg: drawSvg(
      id,
      { width: PANEL.width, height: PANEL.height * panels.length, label: title },
      panelsOption(
        panels.map(({ variants }, index) => ({
          box: stacked(index),
          heading: `decode step at ${formatContext(longest)} tokens on ${label}, ms per layer`,
          x: {
            title: 'KV bytes of one sequence',
            format: formatBytes,
            scale: 'binary',
            min: Math.min(...sizes) / 1.4,
            max: Math.max(...sizes) * 1.4,
          },
          y: { title: '', format: formatMs, scale: 'decimal' },
          series: [
            frontSeries(front),
            ...variants.flatMap((variant) => {
              const row = rows.find(({ subject }) => subject === variant.name);
              return row ? [pointSeries(row, shortTitle(variant), variant.order)] : [];
            }),
          ],
        })),
      ),
    ),
    table: {
      head: ['variant', 'KV bytes of one sequence', 'time and interval'],
      rows: rows.map((row) => [
        nameOf(results, row.subject),
        formatBytes(row.kv!.allocatedBytes / row.batch),
        formatMsEstimate(row.summary),
      ]),
    },
  };
}

/** Rows that no other beats in bytes and in time. */
export function paretoFront(rows: readonly TimedRow[]): TimedRow[] {
  const bytes = (row: TimedRow): number => row.kv!.allocatedBytes / row.batch;
  const beaten = (row: TimedRow): boolean =>
    rows.some(
      (other) =>
        bytes(other) <= bytes(row) &&
        other.summary.median <= row.summary.median &&
        (bytes(other) < bytes(row) || other.summary.median < row.summary.median),
    );
  return rows.filter((row) => !beaten(row)).sort((a, b) => bytes(a) - bytes(b));
}

function frontSeries(front: readonly TimedRow[]): Series {
  return {
    label: '',
    mark: lineOnly,
    bare: true,
    faint: true,
    step: true,
    points: front.map((row) => ({ x: row.kv!.allocatedBytes / row.batch, y: row.summary.median })),
  };
}

function pointSeries(row: TimedRow, label: string, order: number): Series {
  return {
    label,
    mark: variantMark(order),
    scattered: true,
    points: [{ x: row.kv!.allocatedBytes / row.batch, y: row.summary.median, interval: row.summary }],
  };
}

function nameOf(results: Results, subject: string): string {
  const variant = results.variants.find(({ name }) => name === subject);
  return variant ? shortTitle(variant) : subject;
}

function list(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? 'none') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
