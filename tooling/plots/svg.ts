/** Small SVG plots without a library: two panels a card, readable on light and on dark pages. */

/** A curve; `reference` is drawn dashed and grey, behind the others. */
export interface Curve {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly reference?: boolean;
  /** Draws `label` at the end of the curve. Default true. */
  readonly named?: boolean;
}

/** Curves over an axis. */
export interface LinePanel {
  readonly title: string;
  readonly x: string;
  readonly curves: readonly Curve[];
  readonly logX?: boolean;
  readonly logY?: boolean;
  /** Least and largest y; default what the curves need. */
  readonly range?: readonly [number, number];
  readonly marks?: readonly { readonly y: number; readonly label: string }[];
}

/** A matrix as colours: blue for positive, orange for negative values, none for 0. */
export interface HeatPanel {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly rows: number;
  readonly columns: number;
  readonly values: ArrayLike<number>;
  /** The value of the strongest colour. Default the largest there is. */
  readonly strongest?: number;
}

const WIDTH = 720;
const HEIGHT = 250;
const PLOT = { width: 270, height: 140, top: 72 } as const;
const LEFTS = [54, 410] as const;
const LEVELS = 8;

/** A card of one or two panels. */
export function card(title: string, panels: readonly (LinePanel | HeatPanel)[]): string {
  const drawn = panels.map((panel, i) => {
    const left = LEFTS[i]!;
    return 'curves' in panel ? drawLines(panel, left) : drawHeat(panel, left);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<text class="h" x="${LEFTS[0]}" y="22">${escaped(title)}</text>`,
    ...drawn.flat(),
    '</svg>',
    '',
  ].join('\n');
}

const STYLE = [
  'text{font:11px system-ui,sans-serif;fill:#6e7781}',
  '.t{fill:#57606a;font-size:12px}.h{font-weight:600;font-size:14px;fill:#57606a}',
  '.x{stroke:#8c959f;fill:none}.g{stroke:#8c959f;stroke-opacity:.25}',
  'polyline{fill:none;stroke-width:1.7;stroke-linejoin:round}',
  '.c0{stroke:#0969da}.c1{stroke:#bc4c00}.c2{stroke:#1a7f37}.c3{stroke:#8250df}',
  '.l0{fill:#0969da}.l1{fill:#bc4c00}.l2{fill:#1a7f37}.l3{fill:#8250df}',
  '.r{stroke:#8c959f;stroke-dasharray:4 3;stroke-width:1.3}',
  '.p{fill:#0969da}.n{fill:#bc4c00}',
  '@media(prefers-color-scheme:dark){text{fill:#9198a1}.t,.h{fill:#d1d7e0}',
  '.c0{stroke:#4493f8}.c1{stroke:#f0883e}.c2{stroke:#3fb950}.c3{stroke:#ab7df8}',
  '.l0{fill:#4493f8}.l1{fill:#f0883e}.l2{fill:#3fb950}.l3{fill:#ab7df8}',
  '.p{fill:#4493f8}.n{fill:#f0883e}}',
].join('');

function drawLines({ title, x, curves, logX, logY, range, marks = [] }: LinePanel, left: number): string[] {
  const points = curves.flatMap((curve) => curve.points);
  const xs = points.map(([value]) => value);
  const ys = points.map(([, value]) => value);
  const across = scale(logX, Math.min(...xs), Math.max(...xs), left, left + PLOT.width);
  const [low, high] = range ?? [Math.min(...ys), Math.max(...ys)];
  const bottom = PLOT.top + PLOT.height;
  const up = scale(logY, low, high, bottom, PLOT.top);
  const place = ([a, b]: readonly [number, number]) =>
    `${round(across(a))},${round(up(Math.min(high, Math.max(low, b))))}`;
  const ordered = [...curves].sort((a, b) => Number(b.reference ?? false) - Number(a.reference ?? false));
  const styleOf = (curve: Curve): string =>
    curve.reference ? 'r' : `c${ordered.filter(({ reference }) => !reference).indexOf(curve) % 4}`;
  return [
    heading(title, left),
    ...ticks(logY, low, high).flatMap((value) => [
      `<path class="g" d="M${left} ${round(up(value))}h${PLOT.width}"/>`,
      `<text x="${left - 6}" y="${round(up(value) + 4)}" text-anchor="end">${label(value)}</text>`,
    ]),
    ...ticks(logX, Math.min(...xs), Math.max(...xs)).map(
      (value) =>
        `<text x="${round(across(value))}" y="${bottom + 15}" text-anchor="middle">${label(value)}</text>`,
    ),
    `<path class="x" d="M${left} ${PLOT.top}V${bottom}h${PLOT.width}"/>`,
    ...marks.flatMap((mark) => [
      `<path class="r" d="M${left} ${round(up(mark.y))}h${PLOT.width}"/>`,
      `<text x="${left + 4}" y="${round(up(mark.y) - 4)}">${escaped(mark.label)}</text>`,
    ]),
    ...ordered.map(
      (curve) => `<polyline class="${styleOf(curve)}" points="${curve.points.map(place).join(' ')}"/>`,
    ),
    ...spread(
      ordered
        .filter(({ named }) => named !== false)
        .map((curve) => {
          const [endX, endY] = curve.points.at(-1)!;
          const tint = curve.reference ? '' : ` class="${styleOf(curve).replace('c', 'l')}"`;
          const y = up(Math.min(high, Math.max(low, endY))) + 4;
          return { x: round(across(endX) + 5), y, tint, text: escaped(curve.label) };
        }),
    ).map(({ x: at, y, tint, text }) => `<text${tint} x="${at}" y="${round(y)}">${text}</text>`),
    caption(x, left),
  ];
}

function drawHeat({ title, x, y, rows, columns, values, strongest }: HeatPanel, left: number): string[] {
  const top = strongest ?? Math.max(...Array.from(values, Math.abs), 1e-9);
  const paths = new Map<string, string>();
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; ) {
      const key = keyOf(values[r * columns + c]!, top);
      let run = 1;
      while (c + run < columns && keyOf(values[r * columns + c + run]!, top) === key) run++;
      if (key) paths.set(key, `${paths.get(key) ?? ''}M${c} ${r}h${run}v1h-${run}z`);
      c += run;
    }
  }
  const cells = `translate(${left} ${PLOT.top}) scale(${PLOT.width / columns} ${PLOT.height / rows})`;
  return [
    heading(title, left),
    `<g transform="${cells}">`,
    ...[...paths].map(([key, path]) => {
      const [sign, level] = key.split(' ') as [string, string];
      return `<path class="${sign}" fill-opacity="${Number(level) / LEVELS}" d="${path}"/>`;
    }),
    '</g>',
    `<path class="x" d="M${left} ${PLOT.top}h${PLOT.width}v${PLOT.height}h-${PLOT.width}z"/>`,
    caption(x, left),
    `<text transform="translate(${left - 8} ${PLOT.top + PLOT.height / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
  ];
}

/** Moves labels apart, from the lowest upwards. */
function spread<Label extends { readonly y: number }>(labels: readonly Label[]): Label[] {
  const LINE = 12;
  let above = Infinity;
  return [...labels]
    .sort((a, b) => b.y - a.y)
    .map((one) => {
      above = Math.min(one.y, above - LINE);
      return { ...one, y: above };
    });
}

/** Class and level of a cell's colour; none for a value near 0. */
function keyOf(value: number, top: number): string | undefined {
  const level = Math.min(LEVELS, Math.round((Math.abs(value) / top) * LEVELS));
  return level > 0 ? `${value > 0 ? 'p' : 'n'} ${level}` : undefined;
}

function heading(text: string, left: number): string {
  return `<text class="t" x="${left}" y="${PLOT.top - 16}">${escaped(text)}</text>`;
}

function caption(text: string, left: number): string {
  return `<text x="${left + PLOT.width / 2}" y="${PLOT.top + PLOT.height + 32}" text-anchor="middle">${escaped(text)}</text>`;
}

function scale(log: boolean | undefined, low: number, high: number, from: number, to: number) {
  const at = (value: number): number => (log ? Math.log(value) : value);
  const span = at(high) - at(low) || 1;
  return (value: number): number => from + ((at(value) - at(low)) / span) * (to - from);
}

/** Powers of ten, or four round steps. */
function ticks(log: boolean | undefined, low: number, high: number): number[] {
  if (log) {
    const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
    return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
  }
  const raw = (high - low) / 4;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * unit).find((n) => n >= raw)!;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

function label(value: number): string {
  const short = Number(value.toPrecision(6));
  if (Math.abs(short) >= 1e6) return `${short / 1e6}M`;
  return Math.abs(short) >= 1e4 ? `${short / 1e3}k` : String(short).replace('-', '−');
}

function round(value: number): string {
  return String(Number(value.toFixed(1)));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
