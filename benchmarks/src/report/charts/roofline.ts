import { digits, formatPercent } from '../../format.ts';
import type { Results } from '../../results.ts';
import {
  isTimed,
  type Place,
  placeId,
  placeLabel,
  ratesOf,
  rowsOf,
  shareOfLimit,
  shortTitle,
} from '../../views.ts';
import { type Chart, drawSvg } from '../draw.ts';
import { lineOnly, variantMark } from '../palette.ts';
import { panelsOption, type Series } from '../panel.ts';
import { PANEL, stacked, variantPanels } from './series.ts';

/** Useful GFLOP/s against useful FLOP per byte of every attention row of a device, under the engine's own limits. */
export function rooflineChart(results: Results, { device, batch }: Place): Chart | undefined {
  const facts = results.devices.find(({ name }) => name === device);
  const fma = facts?.limits?.fma.rate?.median;
  const read = facts?.limits?.read.rate?.median;
  const rows = rowsOf(results, { suite: 'attention', device, batch, comparison: 'equal-shape' }).filter(
    isTimed,
  );
  if (!fma || !read || rows.length === 0) return undefined;
  const label = placeLabel(rows[0]!);
  const places = rows.flatMap((row) => {
    const rates = ratesOf(row);
    return rates && rates.gbytes > 0 ? [{ row, x: rates.gflops / rates.gbytes, y: rates.gflops }] : [];
  });
  const shares = rows.flatMap((row) => shareOfLimit(results, row) ?? []).sort((a, b) => a - b);
  const best = rows.find((row) => shareOfLimit(results, row) === shares.at(-1));
  const title =
    `On ${label} the best row reaches ${formatPercent(shares.at(-1) ?? 0)} of the engine’s own limit` +
    (best ? ` (${best.phase} at ${best.context} tokens)` : '');
  const low = Math.min(...places.map(({ x }) => x), fma / read) / 2;
  const high = Math.max(...places.map(({ x }) => x), fma / read) * 2;
  const ridge = fma / read;
  const roof: Series = {
    label: 'limit',
    mark: lineOnly,
    bare: true,
    faint: true,
    points: [low, ridge, high].map((x) => ({ x, y: Math.min(fma, x * read) })),
  };
  const id = `roofline-${placeId({ device, batch })}`;
  const panels = variantPanels(
    results.variants.filter(({ name }) => rows.some((row) => row.subject === name)),
  );
  return {
    id,
    title,
    caption:
      `Limits measured in the same engine: ${digits(fma)} GFLOP/s of multiply-adds in registers, ${digits(read)} GB/s of ` +
      'streaming reads. One mark per row; small contexts lie low because starting a kernel costs the same at any size.',
    svg: drawSvg(
      id,
      { width: PANEL.width, height: PANEL.height * panels.length, label: title },
      panelsOption(
        panels.map(({ variants }, index) => ({
          box: stacked(index),
          heading: `useful GFLOP/s on ${label}; open marks decode, full marks prefill`,
          legend: variants.map((variant) => ({
            label: shortTitle(variant),
            mark: variantMark(variant.order),
          })),
          x: {
            title: 'useful FLOP per byte read from caches and weights',
            format: (x) => digits(x, 2),
            scale: 'decimal',
          },
          y: { title: '', format: (y) => digits(y, 2), scale: 'decimal', max: fma * 1.7 },
          series: [
            roof,
            ...variants.flatMap((variant): Series[] => {
              const own = places.filter(({ row }) => row.subject === variant.name);
              const mark = variantMark(variant.order);
              return [false, true].map((open) => ({
                label: '',
                mark,
                scattered: true,
                open,
                points: own.filter(({ row }) => (row.phase === 'decode') === open),
              }));
            }),
          ],
        })),
      ),
    ),
    table: {
      head: ['row', 'GFLOP/s', 'GB/s', 'share of limit'],
      rows: rows.map((row) => {
        const rates = ratesOf(row);
        const share = shareOfLimit(results, row);
        const variant = results.variants.find(({ name }) => name === row.subject);
        return [
          `${row.phase} ${row.context} ${variant ? shortTitle(variant) : row.subject}`,
          rates ? digits(rates.gflops) : '',
          rates ? digits(rates.gbytes) : '',
          share === undefined ? '' : formatPercent(share),
        ];
      }),
    },
  };
}
