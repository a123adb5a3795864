import { useSignal } from '@preact/signals';
import { useEffect, useId, useMemo, useRef } from 'preact/hooks';
import { type Cell, cellAt, contextOf, draw, type Grid, layoutOf } from './heatmap-draw.ts';
import { type RampKind, rangeOf, type ScaleName } from './ramp.ts';
import { theme } from './theme.ts';
import { useWidth } from './use-width.ts';

export type { Cell, Grid } from './heatmap-draw.ts';

/**
 * Numbers as colours on a canvas, whatever their count: hover or arrow keys choose a cell, Enter or a click pins it and
 * takes the pin off again, Escape too. What is masked (NaN) is hatched, not coloured.
 */
export interface HeatmapProps extends Grid {
  /** What it is, for those who do not see it. */
  readonly label: string;
  readonly rowLabels?: readonly string[] | undefined;
  readonly columnLabels?: readonly string[] | undefined;
  /** A cell in a sentence: the same that a neighbouring text shows. */
  readonly describe: (cell: Cell) => string;
  readonly kind?: RampKind | undefined;
  readonly scale?: ScaleName | undefined;
  /** Default the lowest and highest of the values. */
  readonly range?: readonly [number, number] | undefined;
  readonly cursor: Cell | undefined;
  readonly onCursor: (cell: Cell | undefined) => void;
  readonly pinned?: Cell | undefined;
  /** Without it nothing can be pinned. */
  readonly onPin?: ((cell: Cell | undefined) => void) | undefined;
  /** Largest width of a cell in pixels. Default 36. */
  readonly most?: number | undefined;
  /** Gets the canvas, to export the picture. */
  readonly canvas?: { current: HTMLCanvasElement | null } | undefined;
}

export function Heatmap(props: HeatmapProps) {
  const { rows, columns, values, label, describe, cursor, onCursor, pinned, onPin, most } = props;
  const { rowLabels = [], columnLabels = [], kind = 'sequential', scale = 'linear' } = props;
  const place = useRef<HTMLDivElement>(null);
  const own = useRef<HTMLCanvasElement>(null);
  const canvas = props.canvas ?? own;
  const available = useWidth(place);
  const spoken = useSignal('');
  const help = useId();
  const labelled = rowLabels.length > 0;
  const found = useMemo(() => rangeOf(values, kind), [values, kind]);
  const range = props.range ?? found;
  const layout = layoutOf({ rows, columns, labelled, rowLabels }, available.value, most);

  const wears = theme.value;
  useEffect(() => {
    const element = canvas.current;
    if (!element || available.value === 0) return;
    const density = Math.min(3, globalThis.devicePixelRatio || 1);
    const [width, height] = [Math.round(layout.width * density), Math.round(layout.height * density)];
    // setting a size clears the canvas, and costs its memory
    if (element.width !== width) element.width = width;
    if (element.height !== height) element.height = height;
    const drawing = { rows, columns, values, kind, scale, range, rowLabels, columnLabels, labelled };
    draw(contextOf(element), { ...drawing, cursor, pinned }, layout, density);
  });
  void wears;

  const at = (event: MouseEvent): Cell | undefined => {
    const box = canvas.current!.getBoundingClientRect();
    return cellAt(layout, props, event.clientX - box.left, event.clientY - box.top);
  };
  const same = (a: Cell | undefined, b: Cell | undefined): boolean =>
    a?.row === b?.row && a?.column === b?.column;
  const togglePin = (cell: Cell | undefined): void => {
    if (!onPin || !cell) return;
    const off = same(cell, pinned);
    onPin(off ? undefined : cell);
    spoken.value = `${off ? 'Unpinned' : 'Pinned'}: ${describe(cell)}`;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const from = cursor ?? pinned ?? { row: rows - 1, column: 0 };
    const next = moved(event, from, props);
    if (event.key === 'Enter' || event.key === ' ') togglePin(from);
    else if (event.key === 'Escape' && pinned) togglePin(pinned);
    else if (next) {
      onCursor(next);
      spoken.value = describe(next);
    } else return;
    event.preventDefault();
  };
  return (
    <div class="heatmap" ref={place}>
      <div
        class="heatmap-keys"
        role="application"
        aria-roledescription="heatmap"
        aria-label={label}
        aria-describedby={help}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application is interactive
        tabIndex={0}
        onKeyDown={onKeyDown}
        onFocus={() => {
          if (!cursor) onCursor(pinned ?? { row: rows - 1, column: 0 });
        }}
        onMouseMove={(event) => {
          const cell = at(event);
          if (!same(cell, cursor)) onCursor(cell);
        }}
        onMouseLeave={() => onCursor(undefined)}
        onClick={(event) => togglePin(at(event))}
        style={{ width: `${layout.width}px`, height: `${layout.height}px` }}
      >
        <canvas ref={canvas} style={{ width: `${layout.width}px`, height: `${layout.height}px` }} />
      </div>
      <span id={help} class="visually-hidden">
        Arrow keys choose a cell, with Shift ten at a time
        {onPin && ', Enter pins it, Escape takes the pin off'}.
      </span>
      <span class="visually-hidden" role="status">
        {spoken.value}
      </span>
    </div>
  );
}

function moved(
  { key, shiftKey }: KeyboardEvent,
  { row, column }: Cell,
  { rows, columns }: Grid,
): Cell | undefined {
  const by = shiftKey ? 10 : 1;
  const steps: Record<string, readonly [number, number]> = {
    ArrowUp: [-by, 0],
    ArrowDown: [by, 0],
    ArrowLeft: [0, -by],
    ArrowRight: [0, by],
    Home: [0, -columns],
    End: [0, columns],
    PageUp: [-rows, 0],
    PageDown: [rows, 0],
  };
  const step = steps[key];
  if (!step) return undefined;
  const inside = (n: number, count: number): number => Math.max(0, Math.min(count - 1, n));
  return { row: inside(row + step[0], rows), column: inside(column + step[1], columns) };
}

/** A small picture of a grid, to choose by: it is the face of a button, so it says nothing itself. */
export function Thumbnail(
  props: Grid & { readonly range: readonly [number, number]; readonly size: number },
) {
  const { rows, columns, values, range, size } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const wears = theme.value;
  useEffect(() => {
    const element = canvas.current!;
    const density = Math.min(2, globalThis.devicePixelRatio || 1);
    const cell = size / Math.max(rows, columns);
    const layout = { left: 0, top: 0, cell, width: cell * columns, height: cell * rows };
    element.width = Math.round(layout.width * density);
    element.height = Math.round(layout.height * density);
    const none = { cursor: undefined, pinned: undefined, labelled: false, rowLabels: [], columnLabels: [] };
    const drawing = { rows, columns, values, range, kind: 'sequential', scale: 'sqrt', ...none } as const;
    draw(contextOf(element), drawing, layout, density);
  }, [rows, columns, values, range[0], range[1], size, wears]);
  return <canvas ref={canvas} class="thumbnail" style={{ maxWidth: `${size}px` }} />;
}

/** What the colours mean: the ramp with its ends, and the hatching. */
export function Legend(props: {
  readonly range: readonly [number, number];
  readonly kind?: RampKind;
  readonly unit: string;
  readonly masked?: boolean;
}) {
  const { range, kind = 'sequential', unit, masked = true } = props;
  return (
    <p class="legend">
      <span>{shown(range[0])}</span>
      <span class={`legend-ramp ${kind}`} aria-hidden="true" />
      <span>
        {shown(range[1])} {unit}
      </span>
      {masked && (
        <span>
          <span class="legend-hatch" aria-hidden="true" /> masked: not zero, not seen
        </span>
      )}
    </p>
  );
}

/** Three digits, as far as they are needed. Never throws. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'masked' : value < 0 ? '−∞' : '∞';
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
  return text.replace('-', '−');
}
