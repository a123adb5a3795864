import { useComputed } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { Choice, NumberField, OptionForm, Select, Slider } from '../../ui/fields.tsx';
import { Figure, type TableData } from '../../ui/figure.tsx';
import { Legend, shown } from '../../ui/heatmap.tsx';
import { LineChart } from '../../ui/line-chart.tsx';
import { Note } from '../../ui/live.tsx';
import { defineView, type ViewProps } from '../../view.ts';
import '../views.css';
import { readOptions, writeOptions } from '../option-link.ts';
import { useAnswer } from '../use-answer.ts';
import { Dial } from './dial.tsx';
import type { EncodingEntry, PositionSetup } from './model.ts';
import type { PositionPicture } from './picture.ts';
import { StretchHeat } from './stretch-heat.tsx';
import { changeOf, sentenceOf } from './words.ts';

const defaults = {
  encoding: 'rotary',
  options: '',
  width: 64,
  heads: 8,
  trained: 1024,
  length: 4096,
  content: 'alike',
  pair: 8,
  m: 40,
  n: 33,
  by: 5,
};

type Props = ViewProps<typeof defaults>;

function Positions({ state, engine, announce }: Props) {
  const entries = useAnswer<readonly EncodingEntry[]>(engine, 'positions.entries', {});
  const options = useComputed(() => readOptions(state.options.value));
  const setup: PositionSetup = {
    name: state.encoding.value,
    options: options.value,
    D: state.width.value,
    H: state.heads.value,
    trained: state.trained.value,
    length: state.length.value,
    content: state.content.value === 'random' ? 'random' : 'alike',
    pair: state.pair.value,
    m: state.m.value,
    n: state.n.value,
    by: state.by.value,
  };
  const { result, problem, busy } = useAnswer<PositionPicture>(engine, 'positions.picture', setup);
  const entry = entries.result?.find(({ name }) => name === state.encoding.value);
  return (
    <div aria-busy={busy}>
      <section class="panel stack" aria-label="What is drawn">
        <div class="row">
          <Select
            label="Encoding"
            value={state.encoding.value}
            options={(entries.result ?? [{ name: state.encoding.value, title: state.encoding.value }]).map(
              ({ name, title }) => ({ value: name, label: title }),
            )}
            onChange={(name) => {
              state.options.value = '';
              state.encoding.value = name;
              announce(`Encoding ${name}`);
            }}
          />
          <NumberField
            label="Trained length"
            value={state.trained.value}
            min={2}
            max={65536}
            onChange={(value) => {
              state.trained.value = Math.round(value);
            }}
          />
          <Slider
            label="Length of the text"
            value={Math.log2(state.length.value)}
            min={4}
            max={15}
            text={`${state.length.value.toLocaleString('en')} tokens`}
            onChange={(value) => {
              state.length.value = 2 ** value;
            }}
          />
          <NumberField
            label="Width of a head"
            value={state.width.value}
            min={2}
            max={256}
            step={2}
            onChange={(value) => {
              state.width.value = Math.round(value);
            }}
          />
          <NumberField
            label="Heads"
            value={state.heads.value}
            min={1}
            max={64}
            step={1}
            onChange={(value) => {
              state.heads.value = Math.round(value);
            }}
          />
        </div>
        {entry && (
          <OptionForm
            open
            legend={`Options of ${entry.name}`}
            defaults={entry.defaults}
            choices={entry.choices}
            values={options.value}
            problem={problem}
            onChange={(values) => {
              state.options.value = writeOptions(values);
            }}
          />
        )}
        {problem && (!entry || Object.keys(entry.defaults).length === 0) && (
          <Note kind="problem" text={problem} />
        )}
        {result && result.standIns.length > 0 && (
          <p class="muted small">Standing in for what a model says: {result.standIns.join('; ')}.</p>
        )}
      </section>
      {result ? <Pictures picture={result} state={state} /> : !problem && <p class="muted">Computing…</p>}
    </div>
  );
}

function Pictures({ picture, state }: { readonly picture: PositionPicture; readonly state: Props['state'] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const chart = useRef<SVGSVGElement>(null);
  const { heat, curve, spectrum, name } = picture;
  const trained = state.trained.value;
  return (
    <>
      <p class="sentence" data-sentence>
        {sentenceOf(picture, { trained, length: state.length.value, by: state.by.value })}
      </p>
      <h2 class="visually-hidden">What it does to positions</h2>
      <div class="pairs">
        {heat && (
          <section class="panel">
            <Figure
              title={heat.title}
              caption={`Rows: ${heat.rowTitle}; columns: ${heat.columnTitle}. Hatched: past the trained length of ${trained}.`}
              table={() => heatTable(heat)}
              exports={{ name: `positions-${name}`, picture: () => canvas.current, numbers: () => heat }}
            >
              <StretchHeat heat={heat} label={heat.title} beyond={trained} canvas={canvas} />
              <Legend
                range={heat.low < 0 ? balanced(heat.low, heat.high) : [heat.low, heat.high]}
                kind={heat.low < 0 ? 'difference' : 'sequential'}
                unit=""
                masked={false}
              />
            </Figure>
          </section>
        )}
        <section class="panel">
          <Choice
            label="Query and key"
            value={state.content.value}
            options={[
              { value: 'alike', label: 'alike, all ones' },
              { value: 'random', label: 'two random vectors' },
            ]}
            onChange={(value) => {
              state.content.value = value;
            }}
          />
          <Figure
            title="Score of a query with the keys before it"
            caption={`q · k / √D by distance, before the softmax. The shaded part is farther apart than any two tokens of training (${trained}).${curve.ends ? ` ${curve.ends}.` : ''}`}
            table={() => curveTable(curve)}
            exports={{ name: `scores-${name}`, picture: () => chart.current, numbers: () => curve }}
          >
            <LineChart
              svg={chart}
              label={`Score by distance, for ${picture.title}`}
              series={curve.lines.map(({ label, values }) => ({
                name: label,
                points: curve.distances.map((distance, i) => [distance, values[i]!] as const),
              }))}
              x={{ title: 'distance between query and key' }}
              y={{ title: 'score' }}
              shadeFrom={trained}
            />
          </Figure>
        </section>
        {spectrum && (
          <section class="panel">
            <Figure
              title="How far a pair gets before it has gone round"
              caption={`Positions for one whole turn, by pair. Pairs above the dashed line (${trained}) do not get round in training. ${spectrum.unseen.length} of ${spectrum.frequencies.length} reach angles in this text that training has not shown.`}
              table={() => spectrumTable(spectrum)}
              exports={{ name: `spectrum-${name}`, numbers: () => spectrum }}
            >
              <LineChart
                label="Positions for one whole turn of each pair"
                series={spectrumLines(picture, trained)}
                x={{ title: 'pair' }}
                y={{ title: 'positions for one turn', scale: 'log10', format: powers }}
              />
            </Figure>
          </section>
        )}
        <Moves picture={picture} state={state} />
      </div>
    </>
  );
}

/** Where the two tokens stand, how their pair is turned, and what moving both does. */
function Moves({ picture, state }: { readonly picture: PositionPicture; readonly state: Props['state'] }) {
  const { dial, shift } = picture;
  const place = (label: string, signal: Props['state']['m'], least = 0) => (
    <NumberField
      label={label}
      value={signal.value}
      min={least}
      max={65535}
      step={1}
      onChange={(value) => {
        signal.value = Math.round(value);
      }}
    />
  );
  return (
    <section class="panel stack">
      <h2>Two tokens, moved</h2>
      <div class="row">
        {place('Query at', state.m)}
        {place('Key at', state.n)}
        {place('Move both by', state.by)}
      </div>
      {shift.problem === undefined ? (
        <table data-shift>
          <caption class="visually-hidden">The score before and after both tokens are moved</caption>
          <thead>
            <tr>
              <th scope="col">query, key</th>
              <th scope="col">score</th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">
                {state.m.value}, {state.n.value}
              </th>
              <td>{shift.before.toFixed(6)}</td>
            </tr>
            <tr>
              <th scope="row">
                {state.m.value + state.by.value}, {state.n.value + state.by.value}
              </th>
              <td>{shift.after.toFixed(6)}</td>
            </tr>
            <tr>
              <th scope="row">change</th>
              <td data-change>
                <strong>{changeOf(shift.change)}</strong>{' '}
                {changeOf(shift.change) === '0.000000' ? '✓ only the distance counts' : '≠ the place counts'}
              </td>
            </tr>
          </tbody>
        </table>
      ) : (
        <p class="wrong">{shift.problem}</p>
      )}
      {dial ? (
        <>
          <Slider
            label="Pair"
            value={dial.pair}
            min={0}
            max={dial.pairs - 1}
            text={`${dial.pair} of ${dial.pairs}`}
            onChange={(value) => {
              state.pair.value = value;
            }}
          />
          <Dial dial={dial} m={state.m.value} n={state.n.value} />
        </>
      ) : (
        <p class="muted small">Nothing is turned: this encoding acts on {actsOn(picture.kind)}.</p>
      )}
    </section>
  );
}

function actsOn(kind: string): string {
  const words: Readonly<Record<string, string>> = {
    bias: 'scores',
    input: 'embeddings',
    attention: 'keys and values inside attention',
  };
  return words[kind] ?? 'nothing';
}

function balanced(low: number, high: number): readonly [number, number] {
  const most = Math.max(Math.abs(low), Math.abs(high));
  return [-most, most];
}

function spectrumLines({ spectrum, name }: PositionPicture, trained: number) {
  const { frequencies, plain } = spectrum!;
  const turning = (list: readonly number[]) =>
    list.flatMap((f, i) => (f > 0 ? [[i, (2 * Math.PI) / f] as const] : []));
  return [
    { name, points: turning(frequencies) },
    ...(name === 'rotary' ? [] : [{ name: 'plain RoPE', points: turning(plain) }]),
    {
      name: 'trained length',
      points: [
        [0, trained],
        [frequencies.length - 1, trained],
      ] as const,
      color: 'var(--muted)',
      dash: '3 3',
    },
  ];
}

function powers(value: number): string {
  return value >= 10_000 ? `10^${Math.log10(value).toFixed(0)}` : shown(value);
}

/** Sixteen columns of the picture: all of them would be thousands of numbers. */
function heatTable({ rows, columns, values, rowTitle }: NonNullable<PositionPicture['heat']>): TableData {
  const step = Math.max(1, Math.floor(columns.length / 16));
  const chosen = columns.map((_, i) => i).filter((i) => i % step === 0);
  return {
    columns: [rowTitle, ...chosen.map((i) => String(columns[i]))],
    rows: rows.map((label, row) => [
      label,
      ...chosen.map((i) => values[row * columns.length + i]!.toFixed(4)),
    ]),
  };
}

function curveTable({ distances, lines }: PositionPicture['curve']): TableData {
  return {
    columns: ['distance', ...lines.map(({ label }) => label)],
    rows: distances.map((distance, i) => [distance, ...lines.map(({ values }) => values[i]!.toFixed(6))]),
  };
}

function spectrumTable({ frequencies, plain, unseen }: NonNullable<PositionPicture['spectrum']>): TableData {
  return {
    columns: ['pair', 'radians a position', 'plain RoPE', 'positions for one turn', 'new angles'],
    rows: frequencies.map((f, i) => [
      i,
      f.toPrecision(6),
      plain[i] === undefined ? '' : plain[i].toPrecision(6),
      f === 0 ? 'never' : ((2 * Math.PI) / f).toPrecision(6),
      unseen.includes(i) ? 'yes' : 'no',
    ]),
  };
}

export default defineView({
  id: 'positions',
  title: 'Positions',
  summary:
    'How a model knows where a token stands: every rotation and every bias drawn from its own tables, inside the trained length and past it.',
  defaults,
  Component: Positions,
});
