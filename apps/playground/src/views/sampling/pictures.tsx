import type { TableData } from '../../ui/figure.tsx';
import type { ChoicePicture, HistogramPicture, SamplingPicture, TokenRow } from './picture.ts';

const WIDTH = 800;

/** Tokens down, stages across: the probability after each, as a number and as a bar; what is gone says who took it. */
export function StageTable({ picture }: { readonly picture: SamplingPicture }) {
  const { rows, stages, choice, constraint } = picture;
  const most = Math.max(
    1e-9,
    ...rows.flatMap(({ probability, after }) => [probability, ...after.map((p) => p ?? 0)]),
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be focusable
    <section class="scroller" aria-label="Tokens through the stages" tabIndex={0}>
      <table class="stages">
        <thead>
          <tr>
            <th scope="col">token</th>
            <th scope="col">logit</th>
            <th scope="col">p before</th>
            {stages.map(({ name }, n) => (
              <th key={`${n} ${name}`} scope="col">
                {name}
              </th>
            ))}
            <th scope="col">kept?</th>
            {constraint && <th scope="col">why not</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={row.id}
              data-token={row.id}
              class={`${row.removedBy === undefined ? '' : 'gone'} ${row.id === choice.id ? 'chosen' : ''}`}
            >
              <th scope="row" class="mono">
                {row.text}
                {row.id === choice.id && <span class="visually-hidden"> (drawn)</span>}
              </th>
              <td>{row.logit.toFixed(3)}</td>
              <Bar part={row.probability} most={most} />
              {stages.map(({ name }, n) => (
                <Bar key={`${n} ${name}`} part={row.after[n]} most={most} />
              ))}
              <td>{keptText(row, picture)}</td>
              {constraint && <td class="why">{row.reason ?? ''}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** As long as its share of the largest in the table. */
function Bar({ part, most }: { readonly part: number | undefined; readonly most: number }) {
  return (
    <td class={part === undefined ? 'bar none' : 'bar'} style={{ '--part': (part ?? 0) / most }}>
      <span>{part === undefined ? '–' : percent(part)}</span>
    </td>
  );
}

function keptText({ removedBy, id }: TokenRow, { stages, choice }: SamplingPicture): string {
  if (removedBy !== undefined) return `✗ ${stages[removedBy]!.name}`;
  return id === choice.id ? '✓ drawn' : '✓';
}

/** `12.3 %`; small ones keep their digits. */
export function percent(part: number): string {
  const value = 100 * part;
  return `${value >= 0.995 || value === 0 ? value.toFixed(1) : value.toPrecision(2)} %`;
}

/** The line from 0 to 1, a token a part, and where u falls. */
export function CumulativeBar(props: {
  readonly choice: ChoicePicture;
  readonly svg: { current: SVGSVGElement | null };
}) {
  const { choice, svg } = props;
  const { bar, u, id, text } = choice;
  const at = (part: number): number => 10 + part * (WIDTH - 20);
  const label = `Cumulative probability: u = ${u?.toFixed(6)} falls into ‘${text}’.`;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be focusable
    <section class="scroller" aria-label={label} tabIndex={0}>
      <svg ref={svg} class="cumulative" viewBox={`0 0 ${WIDTH} 110`} role="img" aria-label={label}>
        {bar.map((segment, n) => {
          const [x, width] = [at(segment.from), at(segment.to) - at(segment.from)];
          const kind = segment.id === undefined ? 'many' : segment.id === id ? 'chosen' : n % 2 ? 'odd' : '';
          return (
            <g key={segment.from}>
              <rect class={kind} x={x} y={40} width={Math.max(0.3, width)} height={34} />
              {width > 8 * segment.text.length + 6 && kind !== 'chosen' && (
                <text class={kind === 'many' ? '' : 'inside'} x={x + width / 2} y={61} text-anchor="middle">
                  {segment.text}
                </text>
              )}
            </g>
          );
        })}
        {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
          <text
            key={tick}
            x={at(tick)}
            y={92}
            text-anchor={tick === 0 ? 'start' : tick === 1 ? 'end' : 'middle'}
          >
            {tick}
          </text>
        ))}
        {u !== undefined && (
          <>
            <line class="u" x1={at(u)} x2={at(u)} y1={26} y2={80} />
            <text x={at(u)} y={18} text-anchor={u > 0.75 ? 'end' : u < 0.25 ? 'start' : 'middle'}>
              u = {u.toFixed(6)} → {text}
            </text>
          </>
        )}
      </svg>
    </section>
  );
}

export function barTable({ bar, id }: ChoicePicture): TableData {
  return {
    columns: ['token', 'from', 'to', 'drawn'],
    rows: bar.map((segment) => [
      segment.text,
      segment.from.toFixed(6),
      segment.to.toFixed(6),
      segment.id === id ? 'yes' : '',
    ]),
  };
}

/** How often each token was drawn, and how often it should be. */
export function Histogram(props: {
  readonly histogram: HistogramPicture;
  readonly svg: { current: SVGSVGElement | null };
}) {
  const { histogram, svg } = props;
  const { bars, draws } = histogram;
  const height = 20 * bars.length + 24;
  const most = Math.max(1, ...bars.flatMap(({ count, probability }) => [count, probability * draws]));
  const across = (count: number): number => (count / most) * (WIDTH - 260);
  const label = `${draws} draws, by token: bars are counts, lines what the probabilities expect.`;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be focusable
    <section class="scroller" aria-label={label} tabIndex={0}>
      <svg ref={svg} class="cumulative" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={label}>
        {bars.map(({ id, text, count, probability }, n) => (
          <g key={id} transform={`translate(0 ${20 * n + 4})`}>
            <text x={92} y={13} text-anchor="end">
              {text}
            </text>
            <rect x={100} y={2} width={across(count)} height={14} />
            <line
              class="expected"
              x1={100 + across(probability * draws)}
              x2={100 + across(probability * draws)}
              y1={0}
              y2={18}
            />
            <text x={Math.max(across(count), across(probability * draws)) + 108} y={13}>
              {count} of {(probability * draws).toFixed(1)} expected
            </text>
          </g>
        ))}
        <text x={100} y={height - 6}>
          bars: drawn; lines: expected
        </text>
      </svg>
    </section>
  );
}

export function histogramTable({ bars, rest, draws }: HistogramPicture): TableData {
  return {
    columns: ['token', 'drawn', 'expected', 'p'],
    rows: [
      ...bars.map(({ text, count, probability }) => [
        text,
        count,
        (probability * draws).toFixed(1),
        probability.toFixed(6),
      ]),
      ...(rest.tokens > 0
        ? [
            [
              `${rest.tokens} others`,
              rest.count,
              (rest.probability * draws).toFixed(1),
              rest.probability.toFixed(6),
            ],
          ]
        : []),
    ],
  };
}
