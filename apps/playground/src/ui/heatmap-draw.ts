import { type RampKind, rampPixels, type ScaleName, stepOf } from './ramp.ts';
import { colorOf, theme } from './theme.ts';

/** What is drawn: rows down, columns across. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  /** `[rows · columns]`; NaN is masked. */
  readonly values: ArrayLike<number>;
}

export interface Cell {
  readonly row: number;
  readonly column: number;
}

export interface Drawing extends Grid {
  readonly kind: RampKind;
  readonly scale: ScaleName;
  readonly range: readonly [number, number];
  readonly rowLabels: readonly string[];
  readonly columnLabels: readonly string[];
  /** Draws labels. */
  readonly labelled: boolean;
  readonly cursor: Cell | undefined;
  readonly pinned: Cell | undefined;
}

/** Where the cells are on the canvas, in CSS pixels. */
export interface Layout {
  readonly left: number;
  readonly top: number;
  readonly cell: number;
  readonly width: number;
  readonly height: number;
}

/** Cells of a tile, each way: what is outside the window is not painted. */
const TILE = 128;
const FONT = '12px system-ui, sans-serif';

/** Cells as large as fit, from 1 to 36 pixels; labels where a cell has room for one. */
export function layoutOf(
  { rows, columns, labelled, rowLabels }: Pick<Drawing, 'rows' | 'columns' | 'labelled' | 'rowLabels'>,
  available: number,
  most = 36,
): Layout {
  const longest = Math.max(0, ...rowLabels.slice(0, 64).map((label) => label.length));
  const margin = labelled ? Math.min(96, 16 + longest * 7) : 0;
  const top = labelled ? Math.min(72, 16 + longest * 5.5) : 0;
  // the name of the last column leans over its edge
  const lean = labelled ? 14 : 0;
  const room = Math.max(1, available - margin - lean);
  const cell = Math.max(0.25, Math.min(most, room / columns));
  const whole = cell >= 4 ? Math.floor(cell) : cell;
  return {
    left: margin,
    top,
    cell: whole,
    width: margin + whole * columns + lean,
    height: top + whole * rows,
  };
}

/** The cell under a point of the canvas, by arithmetic. */
export function cellAt(
  { left, top, cell }: Layout,
  { rows, columns }: Grid,
  x: number,
  y: number,
): Cell | undefined {
  const [row, column] = [Math.floor((y - top) / cell), Math.floor((x - left) / cell)];
  return row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : undefined;
}

/** Kept in memory of the CPU: small pictures that change with every letter, and wait for no GPU. */
export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  return canvas.getContext('2d', { willReadFrequently: true })!;
}

/** Paints everything. Pixels are made tile by tile, a pixel a cell, and enlarged by the canvas. */
export function draw(
  context: CanvasRenderingContext2D,
  drawing: Drawing,
  layout: Layout,
  density: number,
): void {
  const { rows, columns } = drawing;
  const { left, top, cell } = layout;
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, layout.width, layout.height);
  hatch(context, left, top, cell * columns, cell * rows);
  context.imageSmoothingEnabled = false;
  for (const { row, column, canvas } of tilesOf(drawing))
    context.drawImage(
      canvas,
      left + column * cell,
      top + row * cell,
      canvas.width * cell,
      canvas.height * cell,
    );
  if (cell >= 7) lines(context, drawing, layout);
  if (drawing.labelled) labels(context, drawing, layout);
  if (drawing.pinned) frame(context, drawing.pinned, layout, colorOf('--pin'), 3);
  if (drawing.cursor) frame(context, drawing.cursor, layout, colorOf('--focus'), 2);
}

interface Tile extends Cell {
  readonly canvas: HTMLCanvasElement;
}

/** Tiles of the numbers that were drawn last: a cursor moves over what is painted already. */
const painted = new WeakMap<object, { readonly key: string; readonly tiles: readonly Tile[] }>();

function tilesOf(drawing: Drawing): readonly Tile[] {
  const { rows, columns, values, kind, scale, range } = drawing;
  const key = [rows, columns, kind, scale, ...range, theme.peek()].join();
  const found = painted.get(values);
  if (found?.key === key) return found.tiles;
  const ramp = rampPixels(kind);
  const tiles: Tile[] = [];
  for (let row = 0; row < rows; row += TILE)
    for (let column = 0; column < columns; column += TILE)
      tiles.push({ row, column, canvas: paintTile(drawing, ramp, row, column) });
  painted.set(values, { key, tiles });
  return tiles;
}

function paintTile(
  { rows, columns, values, range, scale }: Drawing,
  ramp: Uint32Array,
  row: number,
  column: number,
): HTMLCanvasElement {
  const tile = document.createElement('canvas');
  tile.width = Math.min(TILE, columns - column);
  tile.height = Math.min(TILE, rows - row);
  const { width, height } = tile;
  const inner = contextOf(tile);
  const image = inner.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++) {
      const value = values[(row + i) * columns + column + j]!;
      // what is masked stays clear, and the hatching shows
      if (!Number.isNaN(value)) pixels[i * width + j] = ramp[stepOf(value, range, scale)]!;
    }
  inner.putImageData(image, 0, 0);
  return tile;
}

function hatch(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  context.save();
  context.fillStyle = colorOf('--masked');
  context.fillRect(x, y, width, height);
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colorOf('--hatch');
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -height; at < width; at += 6) {
    context.moveTo(x + at, y + height);
    context.lineTo(x + at + height, y);
  }
  context.stroke();
  context.restore();
}

function lines(
  context: CanvasRenderingContext2D,
  { rows, columns }: Grid,
  { left, top, cell }: Layout,
): void {
  context.strokeStyle = colorOf('--surface');
  context.lineWidth = 1;
  context.beginPath();
  for (let i = 0; i <= rows; i++) {
    context.moveTo(left, top + i * cell + 0.5);
    context.lineTo(left + columns * cell, top + i * cell + 0.5);
  }
  for (let j = 0; j <= columns; j++) {
    context.moveTo(left + j * cell + 0.5, top);
    context.lineTo(left + j * cell + 0.5, top + rows * cell);
  }
  context.stroke();
}

function labels(context: CanvasRenderingContext2D, drawing: Drawing, { left, top, cell }: Layout): void {
  const { cursor, pinned, rowLabels, columnLabels } = drawing;
  context.font = FONT;
  context.textBaseline = 'middle';
  const every = Math.max(1, Math.ceil(13 / cell));
  const shown = (n: number, marked: readonly (number | undefined)[]): boolean =>
    marked.includes(n) ||
    (n % every === 0 && !marked.some((m) => m !== undefined && Math.abs(m - n) < every));
  const strong = (n: number, marked: readonly (number | undefined)[]): void => {
    context.fillStyle = colorOf(marked.includes(n) ? '--text' : '--muted');
    context.font = marked.includes(n) ? `600 ${FONT}` : FONT;
  };
  context.textAlign = 'right';
  const rows = [cursor?.row, pinned?.row];
  for (let i = 0; i < drawing.rows; i++) {
    if (!shown(i, rows)) continue;
    strong(i, rows);
    context.fillText(rowLabels[i] ?? String(i), left - 6, top + (i + 0.5) * cell, left - 8);
  }
  context.textAlign = 'left';
  const columns = [cursor?.column, pinned?.column];
  for (let j = 0; j < drawing.columns; j++) {
    if (!shown(j, columns)) continue;
    strong(j, columns);
    context.save();
    context.translate(left + (j + 0.5) * cell, top - 6);
    context.rotate(-Math.PI / 4);
    context.fillText(columnLabels[j] ?? String(j), 0, 0, top * 1.35);
    context.restore();
  }
}

function frame(
  context: CanvasRenderingContext2D,
  { row, column }: Cell,
  { left, top, cell }: Layout,
  color: string,
  width: number,
): void {
  const size = Math.max(cell, 5);
  const middle = (n: number): number => (n + 0.5) * cell - size / 2;
  context.strokeStyle = color;
  context.lineWidth = width;
  context.strokeRect(left + middle(column), top + middle(row), size, size);
}
