import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { rampPixels, stepOf } from '../../ui/ramp.ts';
import { colorOf, theme } from '../../ui/theme.ts';
import { useWidth } from '../../ui/use-width.ts';
import type { CellPicture } from './cells.ts';
import type { ConstantPicture } from './picture.ts';

const MOST = 30;
const LEAST = 16;
const GAP = 3;
const PAGE = 7;

interface Box {
  readonly x: number;
  readonly y: number;
}

/** The cells of one state, on a canvas of as many lines as they need. Arrow keys or the mouse choose a cell. */
export function StateCanvas(props: {
  readonly cells: readonly CellPicture[];
  readonly label: string;
  readonly onWords: (words: string) => void;
  readonly canvas?: { current: HTMLCanvasElement | null } | undefined;
}) {
  const { cells, label, onWords } = props;
  const place = useRef<HTMLDivElement>(null);
  const own = useRef<HTMLCanvasElement>(null);
  const canvas = props.canvas ?? own;
  const width = useWidth(place);
  const cursor = useSignal<number | undefined>(undefined);
  const help = useId();
  const wears = theme.value;
  const { size, boxes, height } = layoutOf(cells, width.value);
  const at = cursor.value;
  useEffect(() => {
    const element = canvas.current;
    if (!element || width.value === 0) return;
    const density = Math.min(3, globalThis.devicePixelRatio || 1);
    element.width = Math.round(width.value * density);
    element.height = Math.round(height * density);
    const context = element.getContext('2d')!;
    context.scale(density, density);
    const paint = painter();
    cells.forEach((cell, n) => {
      drawCell(context, cell, boxes[n]!, size, paint);
    });
    if (at !== undefined && boxes[at]) {
      context.strokeStyle = colorOf('--focus');
      context.lineWidth = 2;
      context.strokeRect(boxes[at].x - 1, boxes[at].y - 1, size + 2, size + 2);
    }
  }, [cells, width.value, wears, at]);
  const choose = (n: number): void => {
    cursor.value = Math.max(0, Math.min(cells.length - 1, n));
    onWords(cells[cursor.value]!.words);
  };
  return (
    <div ref={place}>
      <div
        class="heatmap-keys"
        role="application"
        aria-roledescription="cells"
        aria-label={label}
        aria-describedby={help}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application is interactive
        tabIndex={0}
        onFocus={() => choose(at ?? 0)}
        onKeyDown={(event) => {
          const step = { ArrowLeft: -1, ArrowRight: 1, Home: -cells.length, End: cells.length }[event.key];
          if (step === undefined) return;
          choose((at ?? 0) + step * (event.shiftKey ? 10 : 1));
          event.preventDefault();
        }}
        onMouseMove={(event) => {
          const { left, top } = event.currentTarget.getBoundingClientRect();
          const n = boxes.findIndex(
            ({ x, y }) =>
              event.clientX - left >= x &&
              event.clientX - left < x + size + GAP &&
              event.clientY - top >= y &&
              event.clientY - top < y + size + GAP,
          );
          if (n >= 0 && n !== at) choose(n);
        }}
        onMouseLeave={() => {
          cursor.value = undefined;
        }}
      >
        <canvas ref={canvas} style={{ display: 'block', width: '100%', height: `${height}px` }} />
      </div>
      <span id={help} class="visually-hidden">
        Left and right choose a cell, with Shift ten at a time.
      </span>
    </div>
  );
}

/** Cells as large as fit on a line, and more lines where they would be too small to point at. */
function layoutOf(
  cells: readonly CellPicture[],
  width: number,
): { readonly size: number; readonly boxes: readonly Box[]; readonly height: number } {
  const pages = cells.filter(({ page }) => page).length;
  const room = Math.max(1, width - 6 - pages * PAGE);
  const size = Math.floor(Math.max(LEAST, Math.min(MOST, room / Math.max(1, cells.length) - GAP)));
  const boxes: Box[] = [];
  let [x, y] = [3, 3];
  for (const { page } of cells) {
    if (page) x += PAGE;
    if (x + size + 3 > width && x > 3) [x, y] = [3, y + size + GAP + 3];
    boxes.push({ x, y });
    x += size + GAP;
  }
  return { size, boxes, height: y + size + 5 };
}

interface Paint {
  readonly ramp: Uint32Array;
  readonly colors: Readonly<
    Record<'text' | 'grid' | 'pin' | 'masked' | 'hatch' | 'surface' | 'sink', string>
  >;
  readonly dark: boolean;
}

function painter(): Paint {
  const names = {
    text: '--text',
    grid: '--grid',
    pin: '--pin',
    masked: '--masked',
    hatch: '--hatch',
  } as const;
  return {
    ramp: rampPixels('sequential'),
    colors: {
      ...(Object.fromEntries(Object.entries(names).map(([name, css]) => [name, colorOf(css)])) as Record<
        keyof typeof names,
        string
      >),
      surface: colorOf('--surface'),
      sink: colorOf('--cla'),
    },
    dark: theme.value === 'dark',
  };
}

function drawCell(
  context: CanvasRenderingContext2D,
  cell: CellPicture,
  { x, y }: Box,
  size: number,
  { ramp, colors, dark }: Paint,
): void {
  if (cell.kind === 'gone') {
    hatch(context, { x, y }, size, colors);
    return;
  }
  if (cell.kind === 'empty') {
    context.strokeStyle = colors.grid;
    context.lineWidth = 1;
    context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
    return;
  }
  const step = stepOf(0.12 + 0.75 * cell.size, [0, 1], 'linear');
  const pixel = ramp[step]!;
  context.fillStyle = `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255})`;
  // fewer bits, a lower cell
  const tall = cell.packed ? size * 0.55 : size;
  context.fillRect(x, y + size - tall, size, tall);
  if (cell.packed) {
    context.strokeStyle = colors.grid;
    context.lineWidth = 1;
    context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
  }
  if (cell.sink) {
    context.fillStyle = colors.sink;
    context.fillRect(x, y, size, 3);
  }
  const bright = dark ? step > 130 : step < 110;
  const ink = bright ? '#10151b' : '#ffffff';
  if (size >= 18) {
    context.fillStyle = ink;
    context.font = `${size >= 24 ? 11 : 9.5}px system-ui, sans-serif`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(cell.label, x + size / 2, y + size - tall / 2 - (cell.read ? 3 : 0));
  }
  if (cell.read) {
    context.fillStyle = ink;
    context.beginPath();
    context.arc(x + size / 2, y + size - 4.5, 2, 0, 2 * Math.PI);
    context.fill();
  }
  if (cell.fresh) {
    context.strokeStyle = colors.pin;
    context.lineWidth = 2.5;
    context.strokeRect(x - 0.5, y - 0.5, size + 1, size + 1);
  }
}

function hatch(
  context: CanvasRenderingContext2D,
  { x, y }: Box,
  size: number,
  colors: Paint['colors'],
): void {
  context.save();
  context.beginPath();
  context.rect(x, y, size, size);
  context.clip();
  context.fillStyle = colors.masked;
  context.fillRect(x, y, size, size);
  context.strokeStyle = colors.hatch;
  context.lineWidth = 2;
  for (let from = x - size; from < x + size; from += 5) {
    context.beginPath();
    context.moveTo(from, y + size);
    context.lineTo(from + size, y);
    context.stroke();
  }
  context.restore();
}

/** A state of constant size, number by number. */
export function ConstantCanvas({ constant }: { readonly constant: ConstantPicture }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const wears = theme.value;
  const { name, rows, columns, values } = constant;
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-9);
  useEffect(() => {
    const element = canvas.current!;
    element.width = columns;
    element.height = rows;
    const ramp = rampPixels('difference');
    const image = new ImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    values.forEach((value, i) => {
      pixels[i] = ramp[stepOf(value, [-most, most], 'linear')]!;
    });
    element.getContext('2d')!.putImageData(image, 0, 0);
  }, [values, wears]);
  return (
    <figure class="constant">
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${name} of the first head, ${rows} × ${columns}: from ${(-most).toFixed(3)} to ${most.toFixed(3)}`}
        style={{ width: `${Math.max(48, 8 * columns)}px`, height: `${Math.max(8, 8 * rows)}px` }}
      />
      <figcaption>
        {name}, head 0: ±{most.toFixed(3)}
      </figcaption>
    </figure>
  );
}
