const WIDTH = 720;
const HEIGHT = 260;
const EDGE = 64;
const MOST_POINTS = 720;

interface Point {
  readonly step: number;
  readonly value: number;
}

/**
 * A page with the curves of a run, which loads itself anew every five seconds: loss and evaluation, rate, norm of the
 * gradients. One file, no script.
 * Never throws.
 *
 * @param entries of the log, with `step` and numbers
 */
export function curves(entries: readonly Readonly<Record<string, unknown>>[]): string {
  const last = entries.at(-1);
  const line = (key: string): Point[] =>
    entries.flatMap(({ step, [key]: value }) =>
      typeof step === 'number' && typeof value === 'number' ? [{ step, value }] : [],
    );
  const figures = [
    figure('loss', [
      { points: line('loss'), name: 'training', dash: '' },
      { points: line('evaluation'), name: 'evaluation', dash: '5 3' },
    ]),
    figure('learning rate', [{ points: line('rate'), name: 'rate', dash: '' }]),
    figure('norm of the gradients', [{ points: line('norm'), name: 'norm', dash: '' }]),
  ];
  const steps = typeof last?.steps === 'number' ? ` of ${last.steps}` : '';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5"><title>Training</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: ${WIDTH}px; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; } text { fill: currentColor; font-size: 12px; }
.axis { stroke: currentColor; opacity: .25; } .line { fill: none; stroke: #0b6bcb; stroke-width: 1.5; }
.line + .line { stroke: #c4560b; }
@media (prefers-color-scheme: dark) { .line { stroke: #6db3ff; } .line + .line { stroke: #ffa45c; } }
</style></head><body><h1>Training</h1><p>Step ${String(last?.step ?? 0)}${steps}.</p>
${figures.join('\n')}
</body></html>
`;
}

function figure(
  title: string,
  lines: readonly { readonly points: readonly Point[]; readonly name: string; readonly dash: string }[],
): string {
  const drawn = lines.filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return '';
  const all = drawn.flatMap(({ points }) => points);
  const [low, high] = rangeOf(all.map(({ value }) => value));
  const [from, to] = rangeOf(all.map(({ step }) => step));
  const x = (step: number): number => EDGE + ((step - from) / (to - from)) * (WIDTH - 2 * EDGE);
  const y = (value: number): number => HEIGHT - EDGE - ((value - low) / (high - low)) * (HEIGHT - 2 * EDGE);
  const paths = drawn.map(({ points, dash }) => {
    const path = thinned(points).map(({ step, value }) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
    return `<polyline class="line" points="${path.join(' ')}"${dash && ` stroke-dasharray="${dash}"`}/>`;
  });
  const told = drawn.map(({ name, points }) => `${name} ${shown(points.at(-1)!.value)}`).join(', ');
  return `<h2>${title}</h2><p>${told}</p>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title} by step: ${told}">
<line class="axis" x1="${EDGE}" y1="${HEIGHT - EDGE}" x2="${WIDTH - EDGE}" y2="${HEIGHT - EDGE}"/>
<line class="axis" x1="${EDGE}" y1="${EDGE}" x2="${EDGE}" y2="${HEIGHT - EDGE}"/>
<text x="${EDGE - 6}" y="${y(high)}" text-anchor="end">${shown(high)}</text>
<text x="${EDGE - 6}" y="${y(low)}" text-anchor="end">${shown(low)}</text>
<text x="${EDGE}" y="${HEIGHT - EDGE + 16}">${from}</text>
<text x="${WIDTH - EDGE}" y="${HEIGHT - EDGE + 16}" text-anchor="end">step ${to}</text>
<g>${paths.join('')}</g></svg>`;
}

function rangeOf(values: readonly number[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low === high ? [low, low + 1] : [low, high];
}

/** As many points as the picture has columns; of each stretch the mean. */
function thinned(points: readonly Point[]): readonly Point[] {
  const stride = Math.ceil(points.length / MOST_POINTS);
  if (stride <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / stride) }, (_, i) => {
    const part = points.slice(i * stride, (i + 1) * stride);
    const value = part.reduce((sum, point) => sum + point.value, 0) / part.length;
    return { step: part.at(-1)!.step, value };
  });
}

function shown(value: number): string {
  return Number(value.toPrecision(3)).toString();
}
