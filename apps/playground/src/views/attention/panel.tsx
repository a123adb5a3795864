import { useMemo, useRef } from 'preact/hooks';
import type { Trace } from '../../engine/attention/trace.ts';
import { Figure, type TableData } from '../../ui/figure.tsx';
import { type Cell, Heatmap, Legend, shown } from '../../ui/heatmap.tsx';
import { rangeOf, type ScaleName } from '../../ui/ramp.ts';
import { codeOf } from './code.ts';
import { cellText, type Panel, type StepName } from './steps.ts';

/** Tables of more cells are cut to the row of the cursor. */
const MOST_CELLS = 1500;

/** One picture of a step: heatmap, legend, table, ways to take it along. */
export function StepPanel(props: {
  readonly trace: Trace;
  readonly step: StepName;
  readonly panel: Panel;
  readonly head: number;
  readonly title: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly scale: ScaleName;
  readonly cursor: Cell | undefined;
  readonly onCursor: (cell: Cell | undefined) => void;
  readonly pinned: Cell | undefined;
  readonly onPin: (cell: Cell | undefined) => void;
}) {
  const { trace, step, panel, head, title, options, scale, cursor, onCursor, pinned, onPin } = props;
  const { rows, columns, values, kind, rowLabels, columnLabels, unit } = panel;
  const canvas = useRef<HTMLCanvasElement>(null);
  const found = useMemo(() => rangeOf(values, kind), [values, kind]);
  const range = step === 'weights' ? ([0, 1] as const) : found;
  const inside = (cell: Cell | undefined): Cell | undefined =>
    cell && cell.row < rows && cell.column < columns ? cell : undefined;
  const row = inside(cursor)?.row ?? inside(pinned)?.row ?? rows - 1;
  const table = (): TableData => {
    const whole = rows * columns <= MOST_CELLS;
    const numbered = (n: number): string => `${columnLabels[n] ?? n}`;
    const all = whole ? Array.from({ length: rows }, (_, i) => i) : [row];
    return {
      columns: ['token', ...Array.from({ length: columns }, (_, n) => `${n} ${numbered(n)}`)],
      rows: all.map((i) => [
        `${i} ${rowLabels[i] ?? ''}`,
        ...Array.from({ length: columns }, (_, j) => shown(values[i * columns + j]!)),
      ]),
    };
  };
  const name = `attention-${trace.variant}-layer-${trace.layer + 1}-head-${head + 1}-${step}`;
  return (
    <Figure
      title={title}
      wide={columns > 40}
      table={table}
      exports={{
        name,
        picture: () => canvas.current,
        numbers: () => ({
          variant: trace.variant,
          options,
          weights: trace.provenance.origin,
          layer: trace.layer + 1,
          head: head + 1,
          what: panel.name,
          tokens: trace.pieces,
          ids: trace.ids,
          rows: rowLabels,
          columns: columnLabels,
          values: Array.from({ length: rows }, (_, i) =>
            Array.from(values.subarray(i * columns, (i + 1) * columns), (each) =>
              Number.isNaN(each) ? null : each,
            ),
          ),
        }),
        code: () => codeOf(trace, options, head),
      }}
    >
      <Heatmap
        rows={rows}
        columns={columns}
        values={values}
        label={`${title}: ${rows} by ${columns}`}
        rowLabels={rowLabels}
        columnLabels={columnLabels}
        describe={({ row: i, column }) => cellText(trace, step, panel, i, column)}
        kind={kind}
        scale={kind === 'difference' ? 'linear' : scale}
        range={range}
        cursor={inside(cursor)}
        onCursor={onCursor}
        pinned={inside(pinned)}
        onPin={onPin}
        canvas={canvas}
        most={columns > 40 ? 14 : 34}
      />
      <Legend range={range} kind={kind} unit={unit} masked={values.some(Number.isNaN)} />
    </Figure>
  );
}
