import { digits, formatBytes, formatCount, formatMs } from '../../format.ts';
import type { QualityComparison } from '../../quality/contract.ts';
import { decodeOf, paretoLines, type QualityLine, qualityLines } from '../../quality/summary.ts';
import type { Results } from '../../results.ts';
import { subjectLabel } from '../../views.ts';
import { type Chart, drawSvg } from '../draw.ts';
import { variantMark } from '../palette.ts';
import { linearTicks, panelsOption, type Series } from '../panel.ts';
import { PANEL, stacked, variantPanels } from './series.ts';

/** Perplexity against KV bytes; the third axis, tokens a second, stands beside each name. */
export function qualityChart(results: Results, comparison: QualityComparison): Chart | undefined {
  const lines = linesOf(results, comparison);
  if (lines.length === 0) return undefined;
  const front = paretoLines(lines);
  const name = ({ subject }: QualityLine): string => subjectLabel(results, subject);
  const held = heldIn(comparison);
  const title = `Trained at equal ${held}: nothing is smaller, faster and better at once than ${front.map(name).join(', ')}`;
  const panels = panelsOf(results, lines);
  const bytes = lines.map(({ done }) => done[0]!.kv!.bytesAtT);
  const id = `quality-${comparison}`;
  return {
    id,
    title,
    caption:
      'One point per variant: lower predicts the text better, further left keeps less. The bar is the interval of the mean over ' +
      'seeds; beside a name stand tokens a second when decoding; ◇ marks what no other beats in all three by their middles: where ' +
      'intervals overlap, another run may mark others.',
    svg: drawSvg(
      id,
      { width: PANEL.width, height: PANEL.height * panels.length, label: title },
      panelsOption(
        panels.map(({ variants }, index) => ({
          box: stacked(index),
          heading: 'perplexity a byte, on text that was not trained on',
          x: {
            title: 'KV bytes of one sequence at the end of a row',
            format: formatBytes,
            scale: 'binary',
            min: Math.min(...bytes) / 1.4,
            max: Math.max(...bytes) * 1.4,
          },
          y: { title: '', scale: 'linear', ...rangeOf(lines) },
          series: variants.flatMap((variant) => {
            const line = lines.find(({ subject }) => subject === variant.name);
            return line ? [pointOf(line, variant.order, name(line), front.includes(line))] : [];
          }),
        })),
      ),
    ),
    table: {
      head: ['variant', 'KV bytes', 'perplexity', 'decode step', 'tokens/s', 'beaten in all three'],
      rows: lines.map((line) => [
        name(line),
        formatBytes(line.done[0]!.kv!.bytesAtT),
        digits(line.perplexity!.mean, 4),
        formatMs(decodeOf(line) ?? Number.NaN),
        tokensASecond(line) ?? '',
        front.includes(line) ? 'no' : 'yes',
      ]),
    },
  };
}

/** Mean loss by step: whether the runs had ended. */
export function learningChart(results: Results, comparison: QualityComparison): Chart | undefined {
  const lines = linesOf(results, comparison);
  if (lines.length === 0) return undefined;
  const id = `quality-learning-${comparison}`;
  const title = `Loss while training at equal ${heldIn(comparison)}`;
  const panels = panelsOf(results, lines);
  const curves = new Map(lines.map((line) => [line.subject, meanCurve(line)]));
  const all = [...curves.values()].flat();
  return {
    id,
    title,
    caption: 'Mean over seeds of the loss in nats a byte, each point over the steps since the one before.',
    svg: drawSvg(
      id,
      { width: PANEL.width, height: PANEL.height * panels.length, label: title },
      panelsOption(
        panels.map(({ variants, guest }, index) => ({
          box: stacked(index),
          heading: 'loss, nats a byte',
          x: {
            title: 'step',
            format: formatCount,
            scale: 'linear',
            min: 0,
            max: Math.max(...all.map(({ x }) => x)),
          },
          y: {
            title: '',
            scale: 'linear',
            ...spread(all.map(({ y }) => y)),
          },
          series: [...variants, ...(guest ? [guest] : [])].flatMap((variant) => {
            const points = curves.get(variant.name);
            if (!points) return [];
            const faint = variant === guest;
            return [
              { label: subjectLabel(results, variant.name), mark: variantMark(variant.order), faint, points },
            ];
          }),
        })),
      ),
    ),
    table: {
      head: ['variant', 'first', 'last'],
      rows: lines.map((line) => {
        const points = curves.get(line.subject)!;
        return [subjectLabel(results, line.subject), digits(points[0]!.y), digits(points.at(-1)!.y)];
      }),
    },
  };
}

function linesOf({ quality, variants }: Results, comparison: QualityComparison): QualityLine[] {
  if (!quality) return [];
  const baseline = variants.find((variant) => variant.baseline)?.name;
  return qualityLines(quality, baseline).filter(
    (line) => line.comparison === comparison && line.done.length > 0,
  );
}

function panelsOf(results: Results, lines: readonly QualityLine[]): ReturnType<typeof variantPanels> {
  return variantPanels(results.variants.filter(({ name }) => lines.some(({ subject }) => subject === name)));
}

const heldIn = (comparison: QualityComparison): string =>
  comparison === 'equal-compute' ? 'parameters and compute' : 'parameters';

function pointOf(line: QualityLine, order: number, name: string, isFront: boolean): Series {
  const { mean, low, high, n } = line.perplexity!;
  const speed = tokensASecond(line);
  return {
    label: `${name}${isFront ? ' ◇' : ''}${speed === undefined ? '' : `  ${speed} tok/s`}`,
    mark: variantMark(order),
    scattered: true,
    points: [{ x: line.done[0]!.kv!.bytesAtT, y: mean, ...(n > 1 && { interval: { low, high } }) }],
  };
}

/** Of one sequence. */
function tokensASecond(line: QualityLine): string | undefined {
  const ms = decodeOf(line);
  return ms === undefined ? undefined : formatCount(Math.round(1000 / ms));
}

/** From the lowest to the highest end of an interval, where there are any. */
function rangeOf(lines: readonly QualityLine[]): ReturnType<typeof spread> {
  return spread(
    lines.flatMap(({ perplexity }) => {
      const { mean, low, high, n } = perplexity!;
      return n > 1 ? [low, high] : [mean];
    }),
  );
}

function spread(values: readonly number[]): { min: number; max: number } & ReturnType<typeof linearTicks> {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.08 * (high - low || Math.abs(high) || 1);
  const [min, max] = [Math.max(0, low - room), high + room];
  return { min, max, ...linearTicks(min, max) };
}

function meanCurve({ done }: QualityLine): { x: number; y: number }[] {
  const steps = done[0]!.curve!.map(([step]) => step);
  return steps.map((x, i) => {
    const values = done.flatMap(({ curve }) => curve![i]?.[1] ?? []);
    return { x, y: values.reduce((sum, value) => sum + value, 0) / values.length };
  });
}
