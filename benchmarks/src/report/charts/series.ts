import { formatEstimate, formatMsEstimate } from '../../format.ts';
import type { Results, VariantFacts } from '../../results.ts';
import { ratioToBaseline, shortTitle, type TimedRow } from '../../views.ts';
import type { ChartTable } from '../draw.ts';
import { HUES, variantMark } from '../palette.ts';
import type { Series } from '../panel.ts';

/**
 * Variants in panels without two of one hue: a variant keeps its colour everywhere, and where two would share one, the
 * second goes into the next panel. The baseline is in each, grey where it is a guest.
 */
export function variantPanels(variants: readonly VariantFacts[]): {
  readonly variants: readonly VariantFacts[];
  readonly guest: VariantFacts | undefined;
}[] {
  const baseline = variants.find((variant) => variant.baseline);
  const panels: VariantFacts[][] = [];
  for (const variant of variants) {
    const clashes = (member: VariantFacts): boolean => member.order % HUES === variant.order % HUES;
    const panel = panels.find((members) => !members.some(clashes));
    if (panel) panel.push(variant);
    else panels.push([variant]);
  }
  return panels.map((members) => ({
    variants: members,
    guest: baseline && !members.includes(baseline) ? baseline : undefined,
  }));
}

/** One line per variant through the medians of its rows, with intervals. */
export function timeSeries(
  variants: readonly VariantFacts[],
  rows: readonly TimedRow[],
  label: (variant: VariantFacts, rows: readonly TimedRow[]) => string,
  faint = false,
): Series[] {
  const contexts = rows.map(({ context }) => context);
  const octaves = Math.log2(Math.max(...contexts) / Math.min(...contexts));
  return variants.flatMap((variant, i) => {
    // neighbours stand a few pixels apart, or their intervals would hide each other
    const aside = 2 ** ((i - (variants.length - 1) / 2) * 0.007 * octaves);
    const own = rows.filter(({ subject }) => subject === variant.name).sort((a, b) => a.context - b.context);
    if (own.length === 0) return [];
    return [
      {
        label: label(variant, own),
        mark: variantMark(variant.order),
        faint,
        points: own.map(({ context, summary }) => ({
          x: context * aside,
          y: summary.median,
          interval: summary,
        })),
      },
    ];
  });
}

/** Times of rows as a table: a line per subject, a column per context. */
export function timeTable(results: Results, rows: readonly TimedRow[]): ChartTable {
  const contexts = [...new Set(rows.map(({ context }) => context))].sort((a, b) => a - b);
  const subjects = [...new Set(rows.map(({ subject }) => subject))];
  return {
    head: ['variant', ...contexts.map((context) => `${context} tokens`)],
    rows: subjects.map((subject) => {
      const variant = results.variants.find(({ name }) => name === subject);
      return [
        variant ? shortTitle(variant) : subject,
        ...contexts.map((context) => {
          const row = rows.find(
            (candidate) => candidate.subject === subject && candidate.context === context,
          );
          if (!row) return '';
          const ratio = ratioToBaseline(results, row);
          const relative = ratio ? `, ${formatEstimate(ratio)}` : '';
          return `${formatMsEstimate(row.summary)} n=${row.summary.n}${relative}`;
        }),
      ];
    }),
  };
}

/** Height of a picture of `count` panels below each other. */
export const PANEL = { width: 900, height: 310, top: 34, bottom: 52, left: 78, right: 190 } as const;

/** The box of panel `index` below the others. */
export function stacked(index: number): {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
} {
  return {
    left: PANEL.left,
    top: PANEL.top + index * PANEL.height,
    width: PANEL.width - PANEL.left - PANEL.right,
    height: PANEL.height - PANEL.top - PANEL.bottom,
  };
}
