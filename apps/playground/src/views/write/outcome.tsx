import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { Figure, type TableData } from '../../ui/figure.tsx';
import { type Cell, Heatmap, Legend, shown } from '../../ui/heatmap.tsx';
import { bytesText } from '../../ui/meter.tsx';
import { rangeOf } from '../../ui/ramp.ts';
import type { Costs, Drawn } from './drawn.ts';
import type { Verdict } from './judge.ts';

const words = {
  equal: '✓ equals the reference',
  differs: '✗ differs',
  refuses: '○ refuses',
  absent: '– not here',
} as const;

/** Small numbers as 3.1e-7, none as 0. */
function small(value: number | undefined): string {
  if (value === undefined) return '';
  return value === 0 ? '0' : value.toExponential(1);
}

/** The score or the mask, a head at a time where heads differ. */
export function PictureOf({ drawn, name }: { readonly drawn: Drawn; readonly name: string }) {
  const { of, L, heads } = drawn;
  const head = useSignal(0);
  const cursor = useSignal<Cell | undefined>(undefined);
  const canvas = useRef<HTMLCanvasElement>(null);
  const chosen = Math.min(head.value, heads.length - 1);
  const own = heads[chosen]!;
  const range = of === 'mask' ? ([0, 1] as const) : rangeOf(own, 'sequential');
  const labels = Array.from({ length: L }, (_, i) => String(i));
  const describe = ({ row, column }: Cell): string => {
    const value = own[row * L + column]!;
    const pair = `query at ${row}, key at ${column}`;
    if (Number.isNaN(value)) return `${pair}: hidden`;
    return of === 'mask' ? `${pair}: seen` : `${pair}: a score of 1 becomes ${shown(value)}`;
  };
  const seen = own.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : 1), 0);
  const table = (): TableData => ({
    columns: ['query ↓ key →', ...labels],
    rows: labels.map((label, i) => [
      label,
      ...Array.from(own.subarray(i * L, (i + 1) * L), (value) => shown(value)),
    ]),
  });
  const title = of === 'mask' ? 'What a query sees' : 'What becomes of a score of 1';
  const inHead = heads.length > 1 ? ` in head ${chosen}` : '';
  return (
    <Figure
      title={title}
      table={table}
      exports={{
        name: `${name}-${of}`,
        picture: () => canvas.current,
        numbers: () => ({ of, L, heads: heads.map((each) => [...each]) }),
      }}
      caption={`${seen} of ${L * L} pairs are seen${inHead}. Hatched is hidden: not zero, not seen.${
        of === 'score' ? ' Each number is what the modifier makes of a score of 1.' : ''
      }`}
    >
      {heads.length > 1 && (
        <fieldset class="write-heads">
          <legend class="visually-hidden">Head of the {of}</legend>
          {heads.map((_, h) => (
            <button
              key={h}
              type="button"
              aria-pressed={h === chosen}
              onClick={() => {
                head.value = h;
              }}
            >
              head {h}
            </button>
          ))}
        </fieldset>
      )}
      <Heatmap
        rows={L}
        columns={L}
        values={own}
        range={range}
        rowLabels={labels}
        columnLabels={labels}
        label={`${title}, queries down, keys across`}
        describe={describe}
        cursor={cursor.value}
        onCursor={(cell) => {
          cursor.value = cell;
        }}
        canvas={canvas}
        most={22}
      />
      <p class="write-cell" aria-hidden="true">
        {cursor.value ? describe(cursor.value) : 'Point at a cell, or use the arrow keys.'}
      </p>
      {of === 'score' && <Legend range={range} unit="" />}
    </Figure>
  );
}

/** Each device beside the reference, in numbers. */
export function Verdicts({ verdicts }: { readonly verdicts: readonly Verdict[] }) {
  const equal = verdicts.filter(({ status }) => status === 'equal');
  const ran = verdicts.filter(({ status }) => status === 'equal' || status === 'differs');
  const sentence =
    ran.length === 0
      ? 'No device has answered yet.'
      : `${equal.length} of ${ran.length} devices compute what the float64 reference does; the largest difference is ${small(Math.max(...ran.map(({ largest = 0 }) => largest)))}.`;
  return (
    <section class="write-block" aria-labelledby="write-devices">
      <h3 id="write-devices">On every device</h3>
      <p>{sentence}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be focusable */}
      <section class="scroller" aria-label="On every device: table" tabIndex={0}>
        <table class="write-table">
          <thead>
            <tr>
              <th scope="col">device</th>
              <th scope="col">verdict</th>
              <th scope="col">largest difference</th>
              <th scope="col">allowed</th>
              <th scope="col">numbers</th>
              <th scope="col">what ran, or why not</th>
            </tr>
          </thead>
          <tbody>
            {verdicts.map((each) => (
              <tr key={each.device} data-device={each.device} data-status={each.status}>
                <th scope="row">{each.device}</th>
                <td class={`write-${each.status}`}>{words[each.status]}</td>
                <td>{small(each.largest)}</td>
                <td>{each.atol === undefined ? '' : `${small(each.atol)} + ${small(each.rtol)} · |want|`}</td>
                <td>{each.values ?? ''}</td>
                <td class="write-why">
                  {each.reason ?? each.ran}
                  {each.emulated === true && ' (an emulated GPU)'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="muted">
        Compared: the score form, one pass over nine tokens through two layers, and the same nine in single
        steps through a cache, for two sequences.
      </p>
    </section>
  );
}

/** The laws of the conformance kit, what does not hold first. */
export function Laws({
  said,
}: {
  readonly said: readonly { readonly name: string; readonly problem?: string | undefined }[];
}) {
  const broken = said.filter(({ problem }) => problem !== undefined);
  return (
    <section class="write-block" aria-labelledby="write-laws">
      <h3 id="write-laws">The conformance kit</h3>
      <p data-laws={said.length} data-broken={broken.length}>
        {said.length - broken.length} of {said.length} laws hold on the float64 reference.
        {broken.length === 0 ? '' : ' What does not:'}
      </p>
      {broken.length > 0 && (
        <ul>
          {broken.map(({ name, problem }) => (
            <li key={name}>
              <strong>{name}</strong>: {problem}
            </li>
          ))}
        </ul>
      )}
      <details>
        <summary>All {said.length} laws</summary>
        <ul class="write-laws">
          {said.map(({ name, problem }) => (
            <li key={name}>
              {problem === undefined ? '✓' : '✗'} {name}
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}

/** What it keeps and computes, beside multi-head attention. */
export function CostsOf({ costs, keep }: { readonly costs: Costs; readonly keep: number }) {
  const { rows, reach, elementsPerToken, cap } = costs;
  const written = (unit: 'bytes' | 'flops', value: number): string =>
    unit === 'bytes'
      ? bytesText(value)
      : value.toLocaleString('en', { maximumSignificantDigits: 3, notation: 'compact' });
  return (
    <section class="write-block" aria-labelledby="write-costs">
      <h3 id="write-costs">What it costs</h3>
      <p>
        A layer of 8 heads of width 64 keeps {elementsPerToken.toLocaleString('en')} numbers a token
        {Number.isFinite(cap) ? `, of the last ${cap} tokens` : ', of all tokens'}.{' '}
        {reach !== undefined && keep === 0
          ? `No query looks further back than ${reach} tokens (as far as was tried): “keep” could be ${reach}, and the cache would stop growing.`
          : ''}
        {reach !== undefined && keep > 0 && keep < reach
          ? `A query looks ${reach} tokens back, and only ${keep} are kept: it will not find them.`
          : ''}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be focusable */}
      <section class="scroller" aria-label="What it costs: table" tabIndex={0}>
        <table class="write-table">
          <thead>
            <tr>
              <th scope="col">of one sequence</th>
              <th scope="col">yours</th>
              <th scope="col">multi-head</th>
              <th scope="col">share</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ what, unit, value, multiHead }) => (
              <tr key={what} data-value={value}>
                <th scope="row">{what}</th>
                <td>{written(unit, value)}</td>
                <td>{written(unit, multiHead)}</td>
                <td>{`${Number(((100 * value) / multiHead).toPrecision(3))} %`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
