/**
 * Draws what each variant keeps against how long it decodes, from the figures of BENCHMARKS.md, into `docs/trade-off.svg`:
 * `npx tsx --conditions=@headwise/source tooling/site/trade-off-chart.ts`. A test compares.
 */
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { variants } from '../../packages/attention-variants/src/registry.ts';
import { type TradeOff, tradeOffs } from './measured.ts';

export const chartFile: URL = new URL('../../docs/trade-off.svg', import.meta.url);

const WIDTH = 720;
const HEIGHT = 440;
const LEFT = 64;
const RIGHT = 700;
const TOP = 44;
const BOTTOM = 384;
// one grey and one blue that can be read on a light page and on a dark one
const STYLE =
  'text{font:12px system-ui,sans-serif;fill:#7d8590}.v{fill:#3b82f6;font-weight:600}.g{stroke:#7d8590;stroke-opacity:.25}' +
  '.w{stroke:#3b82f6;stroke-opacity:.6;stroke-width:1.5}circle{fill:#3b82f6}.t{font-size:14px;font-weight:600}';

/** The chart: memory across, time up, both as powers of two of multi-head attention's. */
export function tradeOffChart(): string {
  const { points, context } = tradeOffs(Object.values(variants));
  const x = scale(
    points.map(({ memory }) => memory),
    LEFT,
    RIGHT - 40,
  );
  const y = scale(
    points.flatMap(({ low, high }) => [low, high]),
    BOTTOM,
    TOP,
  );
  // no name on a point
  const placed: Place[] = points.map(({ memory, ratio }) => ({
    left: x.at(memory) - 4,
    right: x.at(memory) + 4,
    y: y.at(ratio),
  }));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>Memory and time of a decode step of each variant, as shares of multi-head attention’s</title><style>${STYLE}</style>`,
    `<text class="t" x="${LEFT}" y="20">Memory and time of a step: ${context}</text>`,
    ...x.ticks.map(
      ({ at, label }) =>
        `<line class="g" x1="${at}" y1="${TOP}" x2="${at}" y2="${BOTTOM}"/><text x="${at}" y="${BOTTOM + 18}" text-anchor="middle">${label}</text>`,
    ),
    ...y.ticks.map(
      ({ at, label }) =>
        `<line class="g" x1="${LEFT}" y1="${at}" x2="${RIGHT}" y2="${at}"/><text x="${LEFT - 8}" y="${at + 4}" text-anchor="end">${label}</text>`,
    ),
    `<text x="${(LEFT + RIGHT) / 2}" y="${HEIGHT - 14}" text-anchor="middle">memory of the caches, of multi-head attention’s</text>`,
    `<text transform="translate(14 ${(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">time of a step, of multi-head attention’s</text>`,
    ...points.map((point) => drawn(point)),
    '</svg>',
    '',
  ].join('\n');

  function drawn({ label, memory, ratio, low, high }: TradeOff): string {
    const [cx, cy] = [round(x.at(memory)), round(y.at(ratio))];
    const width = 7.5 * label.length;
    // names that would lie on each other, or on a point, move away: to the other side, then line by line
    const places = [0, -14, 14, -28, 28, -42, 42, -56, 56, -70, 70, -84, 84, -98, 98].flatMap((dy) =>
      [cx + 9, cx - 9 - width].map((left) => ({ left, right: left + width, y: cy + dy })),
    );
    const inside = places.filter(({ left, right }) => left >= LEFT && right <= RIGHT + 6);
    const free = inside.find((place) => placed.every((other) => apart(place, other))) ?? inside[0]!;
    placed.push(free);
    const leader =
      Math.abs(free.y - cy) > 14
        ? `<line class="g" x1="${cx}" y1="${cy}" x2="${free.left > cx ? cx + 9 : cx - 9}" y2="${free.y}"/>`
        : '';
    return [
      `<line class="w" x1="${cx}" y1="${round(y.at(low))}" x2="${cx}" y2="${round(y.at(high))}"/>`,
      `<circle cx="${cx}" cy="${cy}" r="4"/>${leader}`,
      `<text class="v" x="${round(free.left > cx ? free.left : free.right)}" y="${free.y + 4}" text-anchor="${free.left > cx ? 'start' : 'end'}">${label}</text>`,
    ].join('');
  }
}

/** Where a name stands. */
interface Place {
  readonly left: number;
  readonly right: number;
  readonly y: number;
}

function apart(a: Place, b: Place): boolean {
  return Math.abs(a.y - b.y) >= 13 || a.left >= b.right + 4 || b.left >= a.right + 4;
}

/** Powers of two between two ends. */
function scale(values: readonly number[], from: number, to: number) {
  const logs = values.map(Math.log2);
  const low = Math.floor(Math.min(...logs));
  const high = Math.ceil(Math.max(...logs));
  const at = (value: number): number => from + ((Math.log2(value) - low) / (high - low)) * (to - from);
  const every = high - low > 8 ? 2 : 1;
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => low + i)
    .filter((power) => power % every === 0)
    .map((power) => ({
      at: round(at(2 ** power)),
      label: power < 0 ? `1/${2 ** -power}` : `${2 ** power}×`,
    }));
  return { at, ticks };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(chartFile, tradeOffChart());
