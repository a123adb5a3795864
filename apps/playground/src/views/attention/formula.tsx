import type { ComponentChildren } from 'preact';
import type { Trace } from '../../engine/attention/trace.ts';
import { shown } from '../../ui/heatmap.tsx';
import { headOf, matrixOf, outputOf, type StepName, whyHidden } from './steps.ts';

/** The formula of one cell with its numbers in it. */
export function Formula(props: {
  readonly trace: Trace;
  readonly step: StepName;
  readonly head: number;
  readonly row: number;
  readonly column: number;
}) {
  const { trace, step, row, column } = props;
  const { pieces } = trace;
  const name = (at: number) => `${pieces[at] ?? '?'} (${at})`;
  if (step === 'qkv' || step === 'kept')
    return (
      <p class="formula-note muted">
        q, k and v of a token are its normalised stream times a matrix of the layer, queries and keys then
        turned by their position. Query heads that share a key/value head read the same k and v.
      </p>
    );
  const body = step === 'output' ? <Output {...props} /> : <Pair {...props} />;
  return (
    <div class="formula" data-formula={step}>
      <p class="formula-title">
        {step === 'output' ? (
          <>
            number {column} of <b>{name(row)}</b>
          </>
        ) : (
          <>
            query <b>{name(row)}</b> · key <b>{name(column)}</b>
          </>
        )}
      </p>
      {body}
    </div>
  );
}

type Props = Parameters<typeof Formula>[0];

function Pair({ trace, step, head, row, column }: Props) {
  const L = trace.pieces.length;
  const at = (head * L + row) * L + column;
  const score = trace.scores?.[at];
  const weight = trace.weights?.[at];
  if (column >= L) return null;
  const hidden = score !== undefined && Number.isNaN(score) ? whyHidden(trace, row, column) : undefined;
  const { parts, lse } = trace;
  return (
    <>
      <Dot trace={trace} head={head} row={row} column={column} />
      {step !== 'scores' && hidden && (
        <p>Hidden: {hidden}. Its score is −∞, so its weight is not small but none.</p>
      )}
      {step !== 'scores' && !hidden && score !== undefined && (
        <Line>
          <msub>
            <mi>s</mi>
            <mrow>
              <mn>{row}</mn>
              <mo>,</mo>
              <mn>{column}</mn>
            </mrow>
          </msub>
          <mo>=</mo>
          <Num value={score} />
          {parts?.softcap ? (
            <mtext>
              {' '}
              after the cap {parts.softcap} · tanh(s / {parts.softcap})
            </mtext>
          ) : null}
        </Line>
      )}
      {step === 'weights' && !hidden && weight !== undefined && score !== undefined && lse && (
        <Line>
          <msub>
            <mi>w</mi>
            <mrow>
              <mn>{row}</mn>
              <mo>,</mo>
              <mn>{column}</mn>
            </mrow>
          </msub>
          <mo>=</mo>
          <mfrac>
            <msup>
              <mi>e</mi>
              <Num value={score} />
            </msup>
            <mrow>
              <munder>
                <mo>∑</mo>
                <mi>j</mi>
              </munder>
              <msup>
                <mi>e</mi>
                <msub>
                  <mi>s</mi>
                  <mi>j</mi>
                </msub>
              </msup>
            </mrow>
          </mfrac>
          <mo>=</mo>
          <mfrac>
            <Num value={Math.exp(score)} />
            <Num value={Math.exp(lse[head * L + row]!)} />
          </mfrac>
          <mo>=</mo>
          <mn data-result="weight">{shown(weight)}</mn>
        </Line>
      )}
    </>
  );
}

/** `scale · (q · k)`, the largest products written out. */
function Dot({ trace, head, row, column }: Pick<Props, 'trace' | 'head' | 'row' | 'column'>) {
  const { q, k, raw, parts, H } = trace;
  const L = trace.pieces.length;
  const value = raw?.[(head * L + row) * L + column];
  if (!q || !k || !parts || value === undefined || q.width !== k.width) return null;
  const queries = matrixOf(q, headOf(q, head, H));
  const keys = matrixOf(k, headOf(k, head, H));
  const products = Array.from({ length: q.width }, (_, d) => ({
    a: queries[row * q.width + d]!,
    b: keys[column * k.width + d]!,
  })).sort((x, y) => Math.abs(y.a * y.b) - Math.abs(x.a * x.b));
  const rest = products.slice(2).reduce((sum, { a, b }) => sum + a * b, 0);
  const written = products.slice(0, 2);
  return (
    <>
      <Line>
        <mi>q</mi>
        <mo>·</mo>
        <mi>k</mi>
        <mo>=</mo>
        {written.map(({ a, b }, n) => (
          <>
            {n > 0 && <mo>+</mo>}
            <Num value={a} />
            <mo>×</mo>
            <Num value={b} />
          </>
        ))}
        <mo>+</mo>
        <munder>
          <Num value={rest} />
          <mtext>{q.width - written.length} more</mtext>
        </munder>
        <mo>=</mo>
        <Num value={value / parts.scale} />
      </Line>
      <Line>
        <mfrac>
          <mrow>
            <mi>q</mi>
            <mo>·</mo>
            <mi>k</mi>
          </mrow>
          <msqrt>
            <mi>D</mi>
          </msqrt>
        </mfrac>
        <mo>=</mo>
        <Num value={parts.scale} />
        <mo>×</mo>
        <Num value={value / parts.scale} />
        <mo>=</mo>
        <mn data-result="raw">{shown(value)}</mn>
      </Line>
    </>
  );
}

function Output({ trace, head, row, column }: Props) {
  const out = outputOf(trace, head);
  const { weights, v, H, pieces } = trace;
  if (!out || !weights || !v || column >= out.width) return null;
  const L = pieces.length;
  const values = matrixOf(v, headOf(v, head, H));
  const terms = Array.from({ length: L }, (_, j) => ({
    w: weights[(head * L + row) * L + j]!,
    value: values[j * v.width + column]!,
  }))
    .filter(({ w }) => !Number.isNaN(w))
    .sort((x, y) => Math.abs(y.w * y.value) - Math.abs(x.w * x.value));
  const rest = terms.slice(2).reduce((sum, { w, value }) => sum + w * value, 0);
  return (
    <Line>
      <munder>
        <mo>∑</mo>
        <mi>j</mi>
      </munder>
      <msub>
        <mi>w</mi>
        <mi>j</mi>
      </msub>
      <msub>
        <mi>v</mi>
        <mi>j</mi>
      </msub>
      <mo>=</mo>
      {terms.slice(0, 2).map(({ w, value }, n) => (
        <>
          {n > 0 && <mo>+</mo>}
          <Num value={w} />
          <mo>×</mo>
          <Num value={value} />
        </>
      ))}
      {terms.length > 2 && (
        <>
          <mo>+</mo>
          <munder>
            <Num value={rest} />
            <mtext>{terms.length - 2} more</mtext>
          </munder>
        </>
      )}
      <mo>=</mo>
      <mn data-result="output">{shown(out.values[row * out.width + column]!)}</mn>
    </Line>
  );
}

function Line({ children }: { readonly children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what is submitted
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be focusable
    <div class="formula-line" role="group" aria-label="Formula" tabIndex={0}>
      <math display="block">
        <mrow>{children}</mrow>
      </math>
    </div>
  );
}

function Num({ value }: { readonly value: number }) {
  const text = shown(value);
  return value < 0 ? (
    <mrow>
      <mo>(</mo>
      <mn>{text}</mn>
      <mo>)</mo>
    </mrow>
  ) : (
    <mn>{text}</mn>
  );
}
