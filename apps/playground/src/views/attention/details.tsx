import type { Trace } from '../../engine/attention/trace.ts';
import type { Cell } from '../../ui/heatmap.tsx';
import { Meter } from '../../ui/meter.tsx';
import { Formula } from './formula.tsx';
import { cellText, panelsOf, type StepName, topKeys } from './steps.ts';

/** The cell in a sentence, in a formula, and the keys that matter most. */
export function Details(props: {
  readonly trace: Trace;
  readonly step: StepName;
  readonly head: number;
  readonly active: Cell;
}) {
  const { trace, step, head, active } = props;
  const [panel] = panelsOf(trace, step, head);
  const top = topKeys(trace, head, Math.min(active.row, trace.pieces.length - 1));
  if (!panel || active.row >= panel.rows || active.column >= panel.columns) return null;
  return (
    <section class="panel attention-details" aria-labelledby="details-title">
      <h2 id="details-title">This cell</h2>
      <p class="sentence" data-sentence>
        Layer {trace.layer + 1}, head {head + 1}. {cellText(trace, step, panel, active.row, active.column)}
      </p>
      <Formula trace={trace} step={step} head={head} row={active.row} column={active.column} />
      {top.length > 0 && (
        <div class="top-keys">
          <h3>
            What <code>{trace.pieces[active.row]}</code> looks at most
          </h3>
          <div class="meters">
            {top.map(({ column, weight }) => (
              <Meter
                key={column}
                label={`${trace.pieces[column]} (${column})`}
                value={weight}
                max={1}
                text={`${(100 * weight).toFixed(1)} %`}
                color="var(--ramp-4)"
              />
            ))}
          </div>
          <p class="muted">Weights say where a head reads, not why the model says what it says.</p>
        </div>
      )}
    </section>
  );
}
