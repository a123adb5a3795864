import { shown } from './heatmap.tsx';

/** A line: points in the order of x. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** A CSS colour. Default one of the palette. */
  readonly color?: string | undefined;
  /** Of an SVG stroke. Default one of its own, so that colour is not all there is. */
  readonly dash?: string | undefined;
}

export type AxisScale = 'linear' | 'log2' | 'log10';

const palette = ['mha', 'mqa', 'gqa', 'swa', 'cla', 'mla'].map((name) => `var(--${name})`);
const dashes = ['', '6 3', '2 3', '8 3 2 3', '12 4', '1 4'];
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 300, 64, 130, 14, 46];

/** Lines over a number: drawn as SVG, named at their ends. Give the same numbers as a table to the figure around it. */
export function LineChart(props: {
  /** What it shows, for those who do not see it. */
  readonly label: string;
  readonly series: readonly Series[];
  readonly x: { readonly title: string; readonly scale?: AxisScale; readonly format?: (x: number) => string };
  readonly y: { readonly title: string; readonly scale?: AxisScale; readonly format?: (y: number) => string };
  /** A line across, at this x. */
  readonly mark?: number | undefined;
  /** Room for the names at the ends of the lines, of a picture 640 wide. Default 130. */
  readonly room?: number | undefined;
  /** Shades everything from this x on: what lies past a bound. */
  readonly shadeFrom?: number | undefined;
  readonly svg?: { current: SVGSVGElement | null } | undefined;
}) {
  const { label, series, x, y, mark, shadeFrom, room = RIGHT } = props;
  const end = WIDTH - room;
  const all = series.flatMap(({ points }) => points);
  const across = axisOf(
    all.map(([at]) => at),
    x.scale ?? 'linear',
    LEFT,
    end,
  );
  const up = axisOf(
    all.map(([, at]) => at),
    y.scale ?? 'linear',
    HEIGHT - BOTTOM,
    TOP,
  );
  const ends = endLabels(series, up.at);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be focusable
    <section class="scroller chart" aria-label={label} tabIndex={0}>
      <svg ref={props.svg ?? null} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
        {up.ticks.map((tick) => (
          <g key={tick} class="grid">
            <line x1={LEFT} x2={end} y1={up.at(tick)} y2={up.at(tick)} />
            <text x={LEFT - 8} y={up.at(tick) + 4} text-anchor="end">
              {(y.format ?? shown)(tick)}
            </text>
          </g>
        ))}
        {across.ticks.map((tick) => (
          <g key={tick} class="grid">
            <line x1={across.at(tick)} x2={across.at(tick)} y1={HEIGHT - BOTTOM} y2={HEIGHT - BOTTOM + 5} />
            <text x={across.at(tick)} y={HEIGHT - BOTTOM + 18} text-anchor="middle">
              {(x.format ?? shown)(tick)}
            </text>
          </g>
        ))}
        <text class="axis" x={(LEFT + end) / 2} y={HEIGHT - 8} text-anchor="middle">
          {x.title}
        </text>
        <text
          class="axis"
          transform={`translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)`}
          text-anchor="middle"
        >
          {y.title}
        </text>
        {shadeFrom !== undefined && across.at(shadeFrom) < end && (
          <g class="shade">
            <rect
              x={across.at(shadeFrom)}
              y={TOP}
              width={end - across.at(shadeFrom)}
              height={HEIGHT - BOTTOM - TOP}
            />
            <line x1={across.at(shadeFrom)} x2={across.at(shadeFrom)} y1={TOP} y2={HEIGHT - BOTTOM} />
          </g>
        )}
        {mark !== undefined && (
          <line class="mark" x1={across.at(mark)} x2={across.at(mark)} y1={TOP} y2={HEIGHT - BOTTOM} />
        )}
        {series.map(({ name, points, color, dash }, n) => (
          <g key={name} style={{ color: color ?? palette[n % palette.length] }}>
            <polyline
              class="line"
              points={points.map(([px, py]) => `${across.at(px)},${up.at(py)}`).join(' ')}
              stroke-dasharray={dash ?? dashes[n % dashes.length]}
            />
            <line
              class="line"
              x1={end + 6}
              x2={end + 22}
              y1={ends[n]}
              y2={ends[n]}
              stroke-dasharray={dash ?? dashes[n % dashes.length]}
            />
            <text x={end + 27} y={ends[n]! + 4}>
              {name}
            </text>
          </g>
        ))}
      </svg>
    </section>
  );
}

interface Axis {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

function axisOf(values: readonly number[], scale: AxisScale, from: number, to: number): Axis {
  const to1 = scale === 'linear' ? (v: number) => v : scale === 'log2' ? Math.log2 : Math.log10;
  const back = scale === 'linear' ? (v: number) => v : (v: number) => (scale === 'log2' ? 2 : 10) ** v;
  const inner = values.map(to1).filter(Number.isFinite);
  const lowest = inner.reduce((a, b) => Math.min(a, b), Infinity);
  const highest = inner.reduce((a, b) => Math.max(a, b), -Infinity);
  const [low, high] =
    lowest > highest ? [0, 1] : lowest === highest ? [lowest, lowest + 1] : [lowest, highest];
  const step = niceStep((high - low) / 5, scale !== 'linear');
  const first = Math.floor(low / step + 1e-9) * step;
  const last = Math.ceil(high / step - 1e-9) * step;
  const count = Math.round((last - first) / step);
  const ticks = Array.from({ length: count + 1 }, (_, n) => back(Number((first + n * step).toPrecision(12))));
  const at = (value: number): number => {
    const inside = Math.max(first, Math.min(last, to1(value)));
    return from + ((inside - first) / (last - first)) * (to - from);
  };
  return { at, ticks };
}

function niceStep(rough: number, whole: boolean): number {
  if (whole) return Math.max(1, Math.ceil(rough));
  const power = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 5, 10].find((each) => each * power >= rough) ?? 10;
  return nice * power;
}

/** Heights of the names at the ends of the lines, moved apart where they would lie on each other. */
function endLabels(series: readonly Series[], at: (y: number) => number): readonly number[] {
  const wanted = series.map(({ points }, n) => ({ n, y: at(points.at(-1)?.[1] ?? 0) }));
  wanted.sort((a, b) => a.y - b.y);
  const placed: number[] = [];
  let last = -Infinity;
  for (const { n, y } of wanted) placed[n] = last = Math.max(y, last + 15);
  const over = Math.max(0, last - (HEIGHT - BOTTOM));
  return placed.map((y) => y - over);
}
