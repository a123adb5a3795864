import { formatPercent } from '../../format.ts';
import { raspEncodings } from '../../rasp/encodings.ts';
import { judgeRasp, type RaspLine, raspLines } from '../../rasp/summary.ts';
import type { Results } from '../../results.ts';
import { type Chart, drawSvg } from '../draw.ts';
import { lineOnly, variantMark } from '../palette.ts';
import { type Box, type Panel, panelsOption, type Series } from '../panel.ts';

const COLUMNS = 2;
const SIZE = { width: 450, height: 230, left: 52, top: 34, right: 112, bottom: 48 } as const;

/** Right answers against length: a panel a task, a line an encoding. */
export function raspChart(results: Results): Chart | undefined {
  const { rasp } = results;
  const lines = rasp ? raspLines(rasp).filter(({ points }) => points.length > 0) : [];
  if (!rasp || lines.length === 0) return undefined;
  const judged = judgeRasp(rasp).filter(({ best }) => best);
  const far = judged.filter(({ outcome }) => outcome === 'generalises').map(({ task }) => task.title);
  const title =
    far.length > 0
      ? `Trained on short texts, right on texts more than twice as long: ${far.join('; ')}`
      : 'Trained on short texts, no task is right on texts more than twice as long';
  const panels = judged.map(({ task }, index) =>
    panelOf(
      task.title,
      lines.filter((line) => line.task === task.name),
      rasp.recipe.times,
      boxOf(index),
    ),
  );
  const height = SIZE.height * Math.ceil(panels.length / COLUMNS);
  return {
    id: 'rasp',
    title,
    caption:
      'A panel a task, a line an encoding of positions. Right are texts whose whole answer is; length counts in lengths of training, ' +
      'so that all to the right of the grey line is longer than anything the model has seen. Bars go from the least to the most of the seeds.',
    svg: drawSvg('rasp', { width: SIZE.width * COLUMNS, height, label: title }, panelsOption(panels)),
    table: {
      head: ['task', 'positions', ...rasp.recipe.times.map((times) => `${times} ×`)],
      rows: judged.flatMap(({ task }) =>
        lines
          .filter((line) => line.task === task.name)
          .map((line) => [
            task.title,
            encodingOf(line).title,
            ...line.points.map(({ share }) => formatPercent(share)),
          ]),
      ),
    },
  };
}

function boxOf(index: number): Box {
  return {
    left: SIZE.left + (index % COLUMNS) * SIZE.width,
    top: SIZE.top + Math.floor(index / COLUMNS) * SIZE.height,
    width: SIZE.width - SIZE.left - SIZE.right,
    height: SIZE.height - SIZE.top - SIZE.bottom,
  };
}

function panelOf(heading: string, lines: readonly RaspLine[], times: readonly number[], box: Box): Panel {
  const [min, max] = [Math.min(...times) - 0.1, Math.max(...times) + 0.1];
  return {
    box,
    heading,
    x: { title: 'length ÷ that of training', format: String, scale: 'linear', min, max, ticks: [...times] },
    y: {
      title: '',
      format: (value) => (value === 0 ? '0 %' : formatPercent(value)),
      scale: 'linear',
      min: 0,
      max: 1,
      ticks: [0, 0.5, 1],
    },
    series: [
      { label: '', mark: lineOnly, bare: true, faint: true, points: [1, 0].map((y) => ({ x: 1, y })) },
      ...lines.map(seriesOf),
    ],
  };
}

function seriesOf(line: RaspLine): Series {
  const { title, order } = encodingOf(line);
  return {
    label: title,
    mark: variantMark(order),
    points: line.points.map(({ times, share, low, high }) => ({
      x: times,
      y: share,
      ...(high > low && { interval: { low, high } }),
    })),
  };
}

function encodingOf({ encoding }: RaspLine): { readonly title: string; readonly order: number } {
  const order = raspEncodings.findIndex(({ name }) => name === encoding);
  return { title: raspEncodings[order]?.title ?? encoding, order: Math.max(0, order) };
}
