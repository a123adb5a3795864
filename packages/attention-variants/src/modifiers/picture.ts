import { checkFields, hostModifier, type Modifier, ValueError } from '@headwise/tensor';
import type { ScoreParts } from '../contract.ts';

/** What to draw. */
export interface PictureSize {
  readonly Lq: number;
  readonly Lk: number;
  /** Heads, one panel each. Default 1. */
  readonly H?: number | undefined;
  /** Position of query 0. Default `Lk − Lq`, and 0 when there are more queries than keys. */
  readonly offset?: number | undefined;
  /** What a score modifier is given as `s`. Default 0. */
  readonly score?: number | undefined;
  /** Sequence. Default 0. */
  readonly b?: number | undefined;
}

/** A modifier drawn: queries down, keys across. */
export interface Picture {
  /** `[H][Lq][Lk]`: 1 or 0 of a mask, the new score of a score modifier. */
  readonly grid: readonly (readonly Float64Array[])[];
  /** A panel a head; hidden cells are empty, and seen ones take the colour of the page's text. */
  readonly svg: string;
}

const CELL = 8;
const GAP = 16;

/**
 * Draws a modifier from the source that devices run, or what the declared parts of a variant's score let a query
 * see (`configure(slidingWindow).score(0)`), modifiers included.
 *
 * @example
 * const { svg } = picture(maskModifier('function (b, h, q, k) { return k <= q ? 1 : 0; }'), { Lq: 8, Lk: 8 });
 *
 * @throws {ValueError} for sizes that are not whole numbers ≥ 1.
 */
export function picture(drawn: Modifier | ScoreParts, size: PictureSize): Picture {
  checkFields('picture', 'drawn', drawn);
  checkFields('picture', 'size', size, ['Lq', 'Lk']);
  const { Lq, Lk, H = 1, score = 0, b = 0 } = size;
  for (const [name, value] of Object.entries({ Lq, Lk, H })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new ValueError('picture', name, 'must be a whole number ≥ 1', value);
  }
  const { offset = Math.max(0, Lk - Lq) } = size;
  const cell = cellOf(drawn, score);
  const grid = Array.from({ length: H }, (_, h) =>
    Array.from({ length: Lq }, (_, i) =>
      Float64Array.from({ length: Lk }, (_, j) => cell(b, h, offset + i, j)),
    ),
  );
  return { grid, svg: draw('kind' in drawn ? drawn.kind : 'mask', grid, Lq, Lk) };
}

type Cell = (b: number, h: number, q: number, k: number) => number;

function cellOf(drawn: Modifier | ScoreParts, score: number): Cell {
  if ('kind' in drawn) {
    const fn = hostModifier(drawn);
    return drawn.kind === 'score' ? (b, h, q, k) => fn(score, b, h, q, k) : fn;
  }
  const { causal, window: [before, after] = [Infinity, Infinity], modifiers = [] } = drawn;
  const { prefix = 0, sinkTokens = 0, segments } = drawn;
  const elsewhere = (q: number, k: number): boolean =>
    segments !== undefined &&
    Math.floor(q / segments.length) !== Math.floor(k / segments.length) &&
    !(segments.anchors && k % segments.length === segments.length - 1);
  const masks = modifiers.filter(({ kind }) => kind === 'mask').map(hostModifier);
  return (b, h, q, k) => {
    const inside = (q - k <= before && k - q <= after) || k < sinkTokens;
    const causally = !causal || k <= q || k < prefix;
    const seen = inside && causally && !elsewhere(q, k) && masks.every((mask) => mask(b, h, q, k) !== 0);
    return seen ? 1 : 0;
  };
}

function draw(kind: Modifier['kind'], grid: Picture['grid'], Lq: number, Lk: number): string {
  const values = grid.flatMap((head) => head.flatMap((row) => [...row])).filter(Number.isFinite);
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const shade = (value: number): number => {
    if (kind === 'mask') return value === 0 ? 0 : 1;
    if (!Number.isFinite(value)) return 0;
    return high === low ? 1 : 0.1 + (0.9 * (value - low)) / (high - low);
  };
  const width = Lk * CELL;
  const height = Lq * CELL;
  const panels = grid.map((head, h) => {
    const cells = head.flatMap((row, i) =>
      Array.from(row, (value, j) => ({ x: j * CELL, y: i * CELL, shade: shade(value) }))
        .filter((cell) => cell.shade > 0)
        .map(
          ({ x, y, shade: a }) =>
            `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill-opacity="${round(a)}"/>`,
        ),
    );
    const frame = `<rect width="${width}" height="${height}" fill="none" stroke="currentColor" stroke-opacity=".3"/>`;
    return `<g transform="translate(${h * (width + GAP)} 0)">${cells.join('')}${frame}</g>`;
  });
  const total = grid.length * (width + GAP) - GAP;
  const label = `${kind}: ${Lq} queries down, ${Lk} keys across, ${grid.length} heads`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 ${total + 2} ${height + 2}" fill="currentColor" role="img" aria-label="${label}">${panels.join('')}</svg>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
