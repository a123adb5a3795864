import type { EChartsCoreOption } from 'echarts/core';
import type { Interval } from '../statistics.ts';
import { FONT } from './draw.ts';
import { ink, type Mark } from './palette.ts';

/** One point of a series, with its interval where it was measured. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly interval?: Pick<Interval, 'low' | 'high'> | undefined;
  readonly xInterval?: Pick<Interval, 'low' | 'high'> | undefined;
}

/** One series of a panel. */
export interface Series {
  /** Written beside its last point. */
  readonly label: string;
  readonly mark: Mark;
  readonly points: readonly Point[];
  /** Points not joined. */
  readonly scattered?: boolean;
  /** Points drawn open: measured, where the line is a formula. */
  readonly open?: boolean;
  /** No points, a line only. */
  readonly bare?: boolean;
  /** Drawn in grey: there for orientation. */
  readonly faint?: boolean;
  readonly step?: boolean;
}

/** One axis. */
export interface Axis {
  readonly title: string;
  readonly format: (value: number) => string;
  /** `binary`: ticks at powers of two. `decimal`: at 1, 2, 5 · 10ⁿ; both logarithmic. `linear`: from min to max. */
  readonly scale: 'binary' | 'decimal' | 'linear';
  readonly min?: number;
  readonly max?: number;
  /** Where to write and draw a line across; computed when left out. Empty for none. */
  readonly ticks?: readonly number[];
}

/** Where a panel stands in the picture, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Panel {
  readonly box: Box;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  readonly heading?: string;
  /** Names of the series in a row above the panel, where they cannot stand beside their marks. */
  readonly legend?: readonly { readonly label: string; readonly mark: Mark }[];
}

/** Joins panels to one ECharts option. */
export function panelsOption(panels: readonly Panel[]): EChartsCoreOption {
  return {
    grid: panels.map(({ box }) => ({ ...box, containLabel: false })),
    xAxis: panels.map((panel, gridIndex) => ({ ...axisOption(panel, 'x'), gridIndex })),
    yAxis: panels.map((panel, gridIndex) => ({ ...axisOption(panel, 'y'), gridIndex })),
    series: panels.flatMap((panel, index) =>
      panel.series.flatMap((series) => seriesOption(series, index, panel.box)),
    ),
    graphic: panels.flatMap(wordsOf),
  };
}

/** Text at a place of the picture, `align`ed to it. */
export function words(
  text: string,
  x: number,
  y: number,
  style: { readonly fill?: string; readonly align?: 'left' | 'right'; readonly bold?: boolean } = {},
): object {
  const { fill = ink.text.light, align = 'left', bold = false } = style;
  return {
    type: 'text',
    silent: true,
    x,
    y,
    style: {
      text,
      fill,
      align,
      verticalAlign: 'middle',
      font: `${bold ? 'bold ' : ''}12px ${FONT}`,
    },
  };
}

const LEGEND_STEP = 74;

function wordsOf({ heading, legend = [], box }: Panel): object[] {
  const names = legend.flatMap(({ label, mark }, i) => {
    const x = box.left + box.width - LEGEND_STEP * (legend.length - i) + LEGEND_STEP / 2;
    const y = box.top - 10;
    return [words(mark.glyph, x, y, { fill: mark.tone.light }), words(label, x + 15, y)];
  });
  const raised = legend.length > 0 ? 28 : 14;
  return [
    ...(heading ? [words(heading, box.left, box.top - raised, { fill: ink.muted.light, bold: true })] : []),
    ...names,
  ];
}

const MOST_TICKS = 9;

/** Range and ticks of a logarithmic axis that holds these values: few enough ticks to read. */
export function logTicks(low: number, high: number, scale: 'binary' | 'decimal'): number[] {
  if (scale === 'binary') {
    const doublings = Math.max(1, Math.log2(high / low));
    const stride = Math.ceil(doublings / MOST_TICKS);
    const first = Math.floor(Math.log2(low) / stride + 1e-9);
    const last = Math.max(first + 1, Math.ceil(Math.log2(high) / stride - 1e-9));
    return Array.from({ length: last - first + 1 }, (_, i) => 2 ** ((first + i) * stride));
  }
  const decades = Math.log10(high / low);
  const steps = decades <= 2.7 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / MOST_TICKS));
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(low)) - stride; power <= Math.log10(high) + stride; power += stride)
    for (const step of steps) all.push(Number(`${step}e${power}`));
  const first = all.findLastIndex((tick) => tick <= low * (1 + 1e-9));
  const last = all.findIndex((tick) => tick >= high * (1 - 1e-9));
  return all.slice(Math.max(0, first), last === -1 ? undefined : Math.max(last, first + 1) + 1);
}

/** Ticks at multiples of 1, 2 or 5 · 10ⁿ inside a linear range, three to nine of them, and how each is written: all to one place. */
export function linearTicks(low: number, high: number): Pick<Axis, 'format'> & { readonly ticks: number[] } {
  const rough = (high - low) / 8;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((size) => size * power >= rough * (1 - 1e-9))! * power;
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  const ticks = Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  return { ticks, format: (value) => value.toFixed(places) };
}

function valuesOf(panel: Panel, side: 'x' | 'y'): number[] {
  return panel.series.flatMap(({ points }) =>
    points.flatMap((point) => {
      const interval = side === 'x' ? point.xInterval : point.interval;
      return [point[side], ...(interval ? [interval.low, interval.high] : [])];
    }),
  );
}

function axisOption(panel: Panel, side: 'x' | 'y'): object {
  const axis = panel[side];
  const values = valuesOf(panel, side).filter(
    (value) => Number.isFinite(value) && (axis.scale === 'linear' || value > 0),
  );
  const low = axis.min ?? Math.min(...values);
  const high = axis.max ?? Math.max(...values);
  const ticks = axis.ticks ?? (axis.scale === 'linear' ? [low, high] : logTicks(low, high, axis.scale));
  const range = { min: axis.min ?? ticks[0], max: axis.max ?? ticks.at(-1) };
  const inside = ticks.filter((tick) => tick >= range.min! * (1 - 1e-9) && tick <= range.max! * (1 + 1e-9));
  const at = { show: inside.length > 0, customValues: inside };
  return {
    ...(axis.scale === 'linear' ? { type: 'value' } : { type: 'log', logBase: 10 }),
    ...range,
    silent: true,
    name: axis.title,
    nameLocation: 'middle',
    nameGap: side === 'x' ? 30 : 62,
    nameTextStyle: { color: ink.text.light },
    axisLine: { show: true, onZero: false, lineStyle: { color: ink.muted.light } },
    axisTick: { ...at, lineStyle: { color: ink.muted.light } },
    axisLabel: {
      ...at,
      color: ink.muted.light,
      formatter: (value: number) => withoutZeros(axis.format(Number(value.toPrecision(12)))),
    },
    minorTick: { show: false },
    splitLine: { ...at, lineStyle: { color: ink.grid.light } },
  };
}

/** `2.00 s` is `2 s` on a tick. */
function withoutZeros(text: string): string {
  return text.replace(/(\.\d*?)0+(?!\d)/, '$1').replace(/\.(?!\d)/, '');
}

function seriesOption(series: Series, index: number, box: Box): object[] {
  const { points, mark, label, faint } = series;
  const color = faint ? ink.muted.light : mark.tone.light;
  const shape = {
    xAxisIndex: index,
    yAxisIndex: index,
    silent: true,
    clip: false,
    symbol: series.bare ? 'none' : mark.symbol,
    symbolSize: mark.symbol === 'rect' ? 8 : 10,
    itemStyle: series.open
      ? { color: ink.page.light, borderColor: color, borderWidth: 2, opacity: 1 }
      : { color, borderColor: ink.page.light, borderWidth: 1, opacity: 1 },
    z: faint ? 1 : 3,
  };
  const written = {
    show: label !== '',
    formatter: `{mark|${mark.glyph}}{name|${label}}`,
    rich: {
      mark: { color, fontSize: 12 },
      name: {
        color: ink.text.light,
        fontSize: 12,
        padding: [0, 0, 0, 6],
        textBorderColor: ink.page.light,
        textBorderWidth: 3,
      },
    },
    distance: 8,
  };
  const data = points.map(({ x, y }) => [x, y]).filter((place) => place.every(Number.isFinite));
  // names stand in one column beside the panel, moved down where they would cover each other
  const column = () => ({ x: box.left + box.width + 10, align: 'left', moveOverlap: 'shiftY' });
  const main = series.scattered
    ? { ...shape, type: 'scatter', data, label: { ...written, position: 'right' }, labelLayout: column }
    : {
        ...shape,
        type: 'line',
        data,
        step: series.step ? 'end' : false,
        lineStyle: { color, width: faint ? 1.5 : 2, type: mark.dash.length === 0 ? 'solid' : [...mark.dash] },
        endLabel: written,
        labelLayout: column,
      };
  return [main, ...intervalOption(series, color, index)];
}

/** Vertical (and horizontal) bars of two pixels with short ends. */
function intervalOption({ points }: Series, color: string, index: number): object[] {
  const bars = points.flatMap(({ x, y, interval, xInterval }) => [
    ...(interval ? [[x, interval.low, x, interval.high]] : []),
    ...(xInterval ? [[xInterval.low, y, xInterval.high, y]] : []),
  ]);
  // what has no end has no place on an axis: the table beside the picture has it
  const drawn = bars.filter((bar) => bar.every(Number.isFinite));
  if (drawn.length === 0) return [];
  return [
    {
      type: 'custom',
      xAxisIndex: index,
      yAxisIndex: index,
      silent: true,
      z: 4,
      encode: { x: [0, 2], y: [1, 3] },
      data: drawn,
      renderItem: (
        _: unknown,
        api: { value(i: number): number; coord(at: readonly number[]): [number, number] },
      ) => {
        const [x1, y1] = api.coord([api.value(0), api.value(1)]);
        const [x2, y2] = api.coord([api.value(2), api.value(3)]);
        const style = { stroke: color, lineWidth: 2, fill: 'none' };
        const line = (a: number, b: number, c: number, d: number) => ({
          type: 'line',
          shape: { x1: a, y1: b, x2: c, y2: d },
          style,
        });
        const ends =
          x1 === x2
            ? [line(x1 - 4, y1, x1 + 4, y1), line(x2 - 4, y2, x2 + 4, y2)]
            : [line(x1, y1 - 4, x1, y1 + 4), line(x2, y2 - 4, x2, y2 + 4)];
        return { type: 'group', children: [line(x1, y1, x2, y2), ...ends] };
      },
    },
  ];
}
