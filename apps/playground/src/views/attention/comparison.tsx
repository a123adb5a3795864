import { useMemo } from 'preact/hooks';
import type { Trace } from '../../engine/attention/trace.ts';
import { type Cell, Heatmap, Legend } from '../../ui/heatmap.tsx';
import { rangeOf, type ScaleName } from '../../ui/ramp.ts';
import { readOptions } from '../option-link.ts';
import { StepPanel } from './panel.tsx';
import type { State } from './state.ts';
import { cellText, differenceOf, panelsOf, type StepName } from './steps.ts';

/** Two variants on the same text, and what differs. */
export function Comparison(props: {
  readonly a: Trace;
  readonly b: Trace;
  readonly state: State;
  readonly step: StepName;
  readonly head: number;
  readonly active: Cell;
  readonly cursor: { value: Cell | undefined };
  readonly pinned: Cell | undefined;
  readonly pin: (cell: Cell | undefined) => void;
}) {
  const { a, b, state, step, head, active, cursor, pinned, pin } = props;
  const [left] = panelsOf(a, step, Math.min(head, a.H - 1));
  const [right] = panelsOf(b, step, Math.min(head, b.H - 1));
  const same = left && right && left.values.length === right.values.length;
  const difference = useMemo(
    () => (same ? differenceOf(left.values, right.values) : undefined),
    [left?.values, right?.values],
  );
  const range = difference && rangeOf(difference, 'difference');
  const shared = {
    step,
    head,
    scale: state.scale.value as ScaleName,
    cursor: cursor.value ?? active,
    onCursor: (cell: Cell | undefined) => {
      cursor.value = cell;
    },
    pinned,
    onPin: pin,
  };
  return (
    <div class="comparison">
      {left ? (
        <StepPanel
          {...shared}
          trace={a}
          panel={left}
          title={a.title}
          options={readOptions(state.options.value)}
        />
      ) : (
        <p class="muted">{a.title} has no such step.</p>
      )}
      {right ? (
        <StepPanel
          {...shared}
          trace={b}
          panel={right}
          title={b.title}
          options={readOptions(state.compareOptions.value)}
        />
      ) : (
        <p class="muted">{b.title} has no such step.</p>
      )}
      {difference && left && range && (
        <figure class="figure" aria-label="Difference">
          <h3>Difference: the first minus the second</h3>
          <Heatmap
            {...left}
            label="Difference of the two"
            values={difference}
            kind="difference"
            range={range}
            describe={({ row, column }) =>
              cellText(a, 'scores', { ...left, values: difference }, row, column).replace(
                ': ',
                ': differs by ',
              )
            }
            cursor={shared.cursor}
            onCursor={shared.onCursor}
            pinned={pinned}
            onPin={pin}
            most={34}
          />
          <Legend range={range} kind="difference" unit="" />
          {step === 'weights' && (
            <p data-difference>
              On average {Math.round(100 * movedPart(difference, a.pieces.length))} % of a row’s attention
              goes elsewhere.
            </p>
          )}
        </figure>
      )}
    </div>
  );
}

/** Half the sum of what differs, a row: the part of the attention that is moved (total variation). */
function movedPart(difference: Float32Array, rows: number): number {
  let sum = 0;
  for (const each of difference) if (!Number.isNaN(each)) sum += Math.abs(each);
  return sum / 2 / rows;
}
