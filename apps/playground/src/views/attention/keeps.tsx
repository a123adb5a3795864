import type { Trace } from '../../engine/attention/trace.ts';
import { bytesText, Meter } from '../../ui/meter.tsx';

/** What variants keep for the next token: the formula with its numbers, and the bytes side by side. */
export function Keeps(props: {
  readonly traces: readonly Trace[];
  /** Of every variant with its defaults, for the same text. */
  readonly all: readonly { readonly name: string; readonly bytes: number }[];
  readonly titleOf: (name: string) => string;
}) {
  const { traces, all, titleOf } = props;
  const most = Math.max(...traces.map(({ footprint }) => footprint.bytes), ...all.map(({ bytes }) => bytes));
  return (
    <section class="panel keeps" aria-labelledby="keeps-title">
      <h2 id="keeps-title">What it keeps for the next token</h2>
      {traces.map((trace) => (
        <div key={trace.variant} class="keeps-one">
          <Meter
            label={trace.title}
            value={trace.footprint.bytes}
            max={most}
            text={`${bytesText(trace.footprint.bytes)} for ${trace.pieces.length} tokens`}
          />
          <p class="muted keeps-formula" data-keeps={trace.variant}>
            {formulaOf(trace)}
          </p>
        </div>
      ))}
      {all.length > 0 && (
        <details>
          <summary>Every variant, on this text, with its default options</summary>
          <div class="meters">
            {[...all]
              .sort((a, b) => b.bytes - a.bytes)
              .map(({ name, bytes }) => (
                <Meter
                  key={name}
                  label={titleOf(name)}
                  value={bytes}
                  max={most}
                  text={bytesText(bytes)}
                  color={traces.some(({ variant }) => variant === name) ? 'var(--accent)' : 'var(--muted)'}
                />
              ))}
          </div>
          <p class="muted">
            Numbers are float32. A state of constant size looks large beside a short text and small beside a
            long one.
          </p>
        </details>
      )}
    </section>
  );
}

/** `k 2 × 16 + v 2 × 16 = 64 numbers a token and layer × 4 layers × 4 B = 1 KiB a token` */
export function formulaOf({ footprint }: Trace): string {
  const { kind, rows, constant, cap, storing, layers, bytesPerToken, constantBytes, far, farBytes } =
    footprint;
  const list = (each: Readonly<Record<string, readonly number[]>>): string =>
    Object.entries(each)
      .map(([name, shape]) => `${name} ${shape.join(' × ')}`)
      .join(' + ');
  const size = (each: Readonly<Record<string, readonly number[]>>): number =>
    Object.values(each).reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const end = ` ${bytesText(farBytes)} at ${far.toLocaleString('en')} tokens.`;
  if (kind === 'recurrent')
    return `A state that does not grow: ${list(constant)} = ${size(constant)} numbers × ${storing} layers × 4 B = ${bytesText(constantBytes)}, whatever the length.`;
  if (kind === 'shared')
    return `This layer keeps nothing and reads another’s; ${storing} of ${layers} layers store, ${bytesText(bytesPerToken)} a token together.${end}`;
  const formula = `${list(rows)} = ${size(rows)} numbers × ${storing === layers ? layers : `${storing} of ${layers}`} layers × 4 B = ${bytesText(bytesPerToken)} a token`;
  return cap < Infinity ? `${formula}, of the last ${cap} tokens only.${end}` : `${formula}.${end}`;
}
