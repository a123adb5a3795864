import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { rampPixels, rangeOf, stepOf } from '../../ui/ramp.ts';
import { colorOf, theme } from '../../ui/theme.ts';
import { useWidth } from '../../ui/use-width.ts';
import type { Heat } from './picture.ts';

const HEIGHT = 260;

/** A wide picture: columns share the width, whatever their number; what lies past the trained length is hatched over. */
export function StretchHeat(props: {
  readonly heat: Heat;
  readonly label: string;
  /** The first column value that training has not shown. */
  readonly beyond: number;
  readonly canvas: { current: HTMLCanvasElement | null };
}) {
  const { heat, label, beyond, canvas } = props;
  const { rows, columns, values, low } = heat;
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const cursor = useSignal<{ row: number; column: number } | undefined>(undefined);
  const help = useId();
  const wears = theme.value;
  const kind = low < 0 ? 'difference' : 'sequential';
  const R = rows.length;
  const C = columns.length;
  const at = cursor.value;
  useEffect(() => {
    const element = canvas.current;
    if (!element || width.value === 0) return;
    const density = Math.min(2, globalThis.devicePixelRatio || 1);
    element.width = Math.round(width.value * density);
    element.height = Math.round(HEIGHT * density);
    const context = element.getContext('2d')!;
    paint(context, heat, kind);
    shade(context, columns.findIndex((column) => column >= beyond) / C);
    if (at) {
      const [w, h] = [element.width / C, element.height / R];
      context.strokeStyle = colorOf('--pin');
      context.lineWidth = 2 * density;
      context.strokeRect(at.column * w, at.row * h, Math.max(3, w), h);
    }
  }, [values, width.value, wears, beyond, at?.row, at?.column]);
  const describe = (row: number, column: number): string =>
    `${rows[row]}, ${heat.columnTitle} ${columns[column]}: ${values[row * C + column]!.toFixed(4)}`;
  const move = (event: KeyboardEvent): void => {
    const by = event.shiftKey ? 10 : 1;
    const from = at ?? { row: 0, column: 0 };
    const step: Record<string, readonly [number, number]> = {
      ArrowUp: [-by, 0],
      ArrowDown: [by, 0],
      ArrowLeft: [0, -by],
      ArrowRight: [0, by],
      Home: [0, -C],
      End: [0, C],
    };
    const [down, right] = step[event.key] ?? [];
    if (down === undefined || right === undefined) return;
    cursor.value = {
      row: Math.max(0, Math.min(R - 1, from.row + down)),
      column: Math.max(0, Math.min(C - 1, from.column + right)),
    };
    event.preventDefault();
  };
  return (
    <div ref={place}>
      <div
        class="heatmap-keys"
        role="application"
        aria-roledescription="heatmap"
        aria-label={label}
        aria-describedby={help}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application is interactive
        tabIndex={0}
        onKeyDown={move}
        onFocus={() => {
          cursor.value ??= { row: 0, column: 0 };
        }}
        onMouseMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const row = Math.floor(((event.clientY - box.top) / box.height) * R);
          const column = Math.floor(((event.clientX - box.left) / box.width) * C);
          if (row >= 0 && row < R && column >= 0 && column < C) cursor.value = { row, column };
        }}
        onMouseLeave={() => {
          cursor.value = undefined;
        }}
      >
        <canvas ref={canvas} style={{ display: 'block', width: '100%', height: `${HEIGHT}px` }} />
      </div>
      <p class="ends muted" aria-hidden="true">
        <span>
          {heat.columnTitle} {columns[0]}
        </span>
        <span>{columns.at(-1)}</span>
      </p>
      <p class="said" role="status">
        {at ? describe(at.row, at.column) : `${rows[0]} is the top row, ${rows.at(-1)} the bottom row.`}
      </p>
      <span id={help} class="visually-hidden">
        Arrow keys choose a cell, with Shift ten at a time.
      </span>
    </div>
  );
}

/** A pixel a cell, enlarged by the canvas. */
function paint(context: CanvasRenderingContext2D, heat: Heat, kind: 'difference' | 'sequential'): void {
  const { rows, columns, values } = heat;
  const ramp = rampPixels(kind);
  const range = rangeOf(values, kind);
  const small = new OffscreenCanvas(columns.length, rows.length);
  const image = new ImageData(columns.length, rows.length);
  const pixels = new Uint32Array(image.data.buffer);
  values.forEach((value, i) => {
    pixels[i] = ramp[stepOf(value, range, 'linear')]!;
  });
  small.getContext('2d')!.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, context.canvas.width, context.canvas.height);
}

/** Hatches the picture from a part of its width on. */
function shade(context: CanvasRenderingContext2D, from: number): void {
  if (from < 0) return;
  const { width, height } = context.canvas;
  const left = Math.round(from * width);
  context.save();
  context.beginPath();
  context.rect(left, 0, width - left, height);
  context.clip();
  context.strokeStyle = colorOf('--text');
  context.globalAlpha = 0.28;
  context.lineWidth = 1;
  for (let x = left - height; x < width; x += 12) {
    context.beginPath();
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
    context.stroke();
  }
  context.restore();
  context.strokeStyle = colorOf('--text');
  context.lineWidth = 2;
  context.setLineDash([4, 4]);
  context.beginPath();
  context.moveTo(left, 0);
  context.lineTo(left, height);
  context.stroke();
  context.setLineDash([]);
}
