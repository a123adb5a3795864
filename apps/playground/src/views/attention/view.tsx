import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { Trace } from '../../engine/attention/trace.ts';
import type { LoadedText, VariantEntry } from '../../engine/handlers/attention.ts';
import type { FetchProgress } from '../../engine/shipped-model.ts';
import { Choice, OptionForm, Select } from '../../ui/fields.tsx';
import { type Cell, Heatmap, Legend } from '../../ui/heatmap.tsx';
import { Note } from '../../ui/live.tsx';
import { bytesText, Meter, Progress } from '../../ui/meter.tsx';
import { rangeOf, type ScaleName } from '../../ui/ramp.ts';
import { Tabs } from '../../ui/tabs.tsx';
import { defineView, type ViewProps } from '../../view.ts';
import './attention.css';
import { Formula } from './formula.tsx';
import { HeadGrid } from './heads.tsx';
import { Keeps } from './keeps.tsx';
import { readOptions, writeOptions } from './options.ts';
import { StepPanel } from './panel.tsx';
import { recorded, recordedText } from './recorded.ts';
import { cellText, differenceOf, panelsOf, type StepName, steps, topKeys } from './steps.ts';
import { Tracer } from './tracer.ts';

const defaults = {
  text: recordedText,
  variant: 'grouped-query',
  options: '',
  /** Another variant beside it; none when empty. */
  compare: '',
  compareOptions: '',
  layer: recorded.layer + 1,
  /** Pinned heads, from 1. */
  heads: '1',
  step: 'weights',
  scale: 'sqrt',
  /** `row.column` of the pinned cell. */
  pin: '',
};

type Props = ViewProps<typeof defaults>;
type State = Props['state'];

const examples = [
  { value: '', label: 'Examples …' },
  { value: recordedText, label: 'A little cat' },
  { value: 'Tom has a red ball. Mia has a blue ball. Tom gives Mia the red', label: 'Who has the ball?' },
  { value: 'the the the the the the the the', label: 'One word again and again' },
  {
    value: Array.from(
      { length: 34 },
      (_, n) => `Once upon a time there was a little ${['cat', 'dog', 'bird', 'girl'][n % 4]}.`,
    ).join(' '),
    label: 'A long text (about 300 tokens)',
  },
];

function AttentionView({ state, engine, announce }: Props) {
  const model = useModel(engine);
  const sides = useMemo(() => [new Tracer(engine, recorded), new Tracer(engine)] as const, [engine]);
  const cursor = useSignal<Cell | undefined>(undefined);
  const preview = useSignal<number | undefined>(undefined);
  useWants(state, sides, model.loaded.value !== undefined, engine);
  const [first, second] = sides;
  const trace = first.trace.value ?? recorded;
  const isRecorded = trace === recorded;
  const pinned = readPin(state.pin.value, trace);
  const heads = useComputed(() => readHeads(state.heads.value));
  const shownHeads = headsOf(trace, heads.value, preview.value);
  const step = steps.find(({ value }) => value === state.step.value)?.value ?? 'weights';
  const other = state.compare.value === '' ? undefined : second.trace.value;
  const active = cursor.value ?? pinned ?? defaultCell(trace, shownHeads[0]!);
  const pin = (cell: Cell | undefined): void => {
    state.pin.value = cell ? `${cell.row}.${cell.column}` : '';
  };
  const titleOf = (name: string): string =>
    model.variants.value.find((each) => each.name === name)?.title ?? name;
  const problems = [first.problem.value, second.problem.value, ...unknownOf(state)].filter(
    (each) => each !== undefined,
  );
  return (
    <>
      <TextPanel
        state={state}
        trace={trace}
        isRecorded={isRecorded}
        model={model}
        pinned={pinned}
        pin={pin}
        cursor={cursor.value?.row}
      />
      {problems.length > 0 && <Note kind="problem" text={problems.join(' ')} />}
      <VariantPanel
        state={state}
        model={model}
        trace={trace}
        other={other}
        problems={[first.problem.value, second.problem.value]}
      />
      <div class={`attention-main ${other ? 'comparing' : ''}`}>
        <section class="panel attention-heads" aria-labelledby="heads-title">
          <h2 id="heads-title">Heads</h2>
          <p class="muted">
            Layers down, heads across. Hover looks, a click pins, another takes the pin off.
          </p>
          <HeadGrid
            trace={trace}
            pinned={heads.value}
            onPreview={(head) => {
              preview.value = head;
            }}
            onPick={(layer, head) => {
              pickHead(state, trace, heads.value, layer, head);
              announce(`Layer ${layer + 1}, head ${head + 1}`);
            }}
          />
        </section>
        <section class="panel attention-steps" aria-label="Step by step">
          <div class="row attention-tools">
            <Choice
              label="Scale of the colours"
              value={state.scale.value as ScaleName}
              options={[
                { value: 'linear', label: 'linear' },
                { value: 'sqrt', label: '√' },
                { value: 'log', label: 'log' },
              ]}
              onChange={(value) => {
                state.scale.value = value;
              }}
            />
          </div>
          <Tabs
            label="Steps"
            value={step}
            tabs={steps}
            onChange={(value) => {
              state.step.value = value;
            }}
          >
            {other && ['weights', 'mask', 'scores'].includes(step) ? (
              <Comparison
                a={trace}
                b={other}
                state={state}
                step={step}
                head={shownHeads[0]!}
                active={active}
                cursor={cursor}
                pinned={pinned}
                pin={pin}
              />
            ) : (
              <div class="columns attention-panels">
                {[trace, ...(other ? [other] : [])].flatMap((each) =>
                  (step === 'kept' ? [shownHeads[0]!] : shownHeads).flatMap((head) =>
                    panelsOf(each, step, Math.min(head, each.H - 1)).map((panel) => (
                      <StepPanel
                        key={`${each.variant} ${head} ${panel.name}`}
                        trace={each}
                        step={step}
                        panel={panel}
                        head={head}
                        title={titleOfPanel(each, step, head, panel.name, other !== undefined)}
                        options={optionsOf(state, each, trace)}
                        scale={state.scale.value as ScaleName}
                        cursor={cursor.value ?? active}
                        onCursor={(cell) => {
                          cursor.value = cell;
                        }}
                        pinned={pinned}
                        onPin={pin}
                      />
                    )),
                  ),
                )}
                {panelsOf(trace, step, shownHeads[0]!).length === 0 && (
                  <p class="muted">
                    {step === 'kept'
                      ? isRecorded
                        ? 'The recording has no cache; this step is there as soon as the model is.'
                        : 'Reading what the cache holds …'
                      : `${trace.title} has no such step. ${trace.missing ?? ''}`}
                  </p>
                )}
              </div>
            )}
          </Tabs>
        </section>
        <Details trace={trace} step={step} head={shownHeads[0]!} active={active} />
      </div>
      <Keeps traces={[trace, ...(other ? [other] : [])]} all={model.footprints.value} titleOf={titleOf} />
    </>
  );
}

/** The model, as far as it is there. */
function useModel(engine: Props['engine']) {
  const loaded = useSignal<LoadedText | undefined>(undefined);
  const variants = useSignal<readonly VariantEntry[]>([]);
  const progress = useSignal<FetchProgress | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const footprints = useSignal<readonly { readonly name: string; readonly bytes: number }[]>([]);
  const controller = useSignal<AbortController | undefined>(undefined);
  const load = async (): Promise<void> => {
    const mine = new AbortController();
    controller.value = mine;
    problem.value = undefined;
    try {
      variants.value = await engine.ask('attention.variants', undefined, { signal: mine.signal });
      loaded.value = await engine.ask('attention.load', undefined, {
        signal: mine.signal,
        onProgress: (value) => {
          progress.value = value;
        },
      });
    } catch (error) {
      problem.value = (error as Error).name === 'AbortError' ? 'Given up.' : (error as Error).message;
    } finally {
      controller.value = undefined;
      progress.value = undefined;
    }
  };
  useEffect(() => {
    const { connection } = navigator as { readonly connection?: { readonly saveData?: boolean } };
    // somebody who saves data asks for it
    if (connection?.saveData) return;
    const start = (): void => void load();
    if ('requestIdleCallback' in globalThis) requestIdleCallback(start, { timeout: 500 });
    else setTimeout(start, 100);
    return () => controller.peek()?.abort();
  }, [engine]);
  return { loaded, variants, progress, problem, footprints, controller, load, engine };
}

type ModelState = ReturnType<typeof useModel>;

/** Asks for what the state wants, whenever it changes. */
function useWants(
  state: State,
  [first, second]: readonly [Tracer, Tracer],
  ready: boolean,
  engine: Props['engine'],
): void {
  const layer = Math.max(0, state.layer.value - 1);
  const kept = state.step.value === 'kept';
  const { text, variant, options, compare, compareOptions } = state;
  const common = { text: text.value, layer, kept };
  const deviceWanted = engine.wanted.value;
  useEffect(() => {
    if (!ready) return;
    first.want({ ...common, variant: variant.value, options: readOptions(options.value) });
  }, [ready, common.text, layer, kept, variant.value, options.value, deviceWanted]);
  useEffect(() => {
    if (!ready) return;
    second.want(
      compare.value === ''
        ? undefined
        : { ...common, variant: compare.value, options: readOptions(compareOptions.value) },
    );
  }, [ready, common.text, layer, kept, compare.value, compareOptions.value, deviceWanted]);
}

function TextPanel(props: {
  readonly state: State;
  readonly trace: Trace;
  readonly isRecorded: boolean;
  readonly model: ModelState;
  readonly pinned: Cell | undefined;
  readonly pin: (cell: Cell | undefined) => void;
  readonly cursor: number | undefined;
}) {
  const { state, trace, isRecorded, model, pinned, pin, cursor } = props;
  const { progress, controller, problem, loaded } = model;
  const context = loaded.value?.context ?? Infinity;
  const tooLong = trace.pieces.length > context;
  return (
    <section class="panel" aria-label="Text">
      <div class="row text-row">
        <div class="field text-field">
          <label for="attention-text">Your text</label>
          <textarea
            id="attention-text"
            rows={2}
            spellcheck={false}
            value={state.text.value}
            onInput={({ currentTarget }) => {
              state.text.value = currentTarget.value;
            }}
          />
        </div>
        <Select
          label="Or"
          value=""
          options={examples}
          onChange={(value) => {
            if (value) state.text.value = value;
          }}
        />
      </div>
      <p class="status-row">
        {isRecorded ? (
          <span class="badge" data-badge="recorded">
            recorded
          </span>
        ) : (
          <span class="badge live" data-badge="live">
            live · {trace.device} · {Math.max(1, Math.round(trace.ms))} ms
          </span>
        )}
        <span class="muted">
          {isRecorded && state.text.value !== recordedText
            ? 'A recorded example; your text follows as soon as the model is there.'
            : `${trace.pieces.length} tokens${trace.cut > 0 ? `, ${trace.cut} more are cut off` : ''}. Hover or pin one to follow it.`}
          {tooLong && ` The model was trained on ${context} positions: beyond them it is guessing.`}
        </span>
        {controller.value && (
          <Progress
            label={
              progress.value
                ? `The model: ${bytesText(progress.value.loaded)} of ${bytesText(progress.value.total)}`
                : 'Starting the engine …'
            }
            done={progress.value && progress.value.loaded / progress.value.total}
            onCancel={() => controller.value?.abort()}
          />
        )}
        {!loaded.value && !controller.value && (
          <>
            {problem.value && <span>{problem.value}</span>}
            <button type="button" onClick={() => void model.load()}>
              Load the model (700 kB)
            </button>
          </>
        )}
      </p>
      <TokenStrip trace={trace} pinned={pinned} pin={pin} cursor={cursor} />
      <p class="next muted">
        Next, it thinks:{' '}
        {trace.next.map(({ piece, probability }) => (
          <span key={piece}>
            <code>{piece}</code> {Math.round(100 * probability)} %
          </span>
        ))}
      </p>
    </section>
  );
}

/** Tokens as buttons; of long texts as many as can be read, the heatmap has them all. */
const MOST_CHIPS = 96;

function TokenStrip(props: {
  readonly trace: Trace;
  readonly pinned: Cell | undefined;
  readonly pin: (cell: Cell | undefined) => void;
  readonly cursor: number | undefined;
}) {
  const { trace, pinned, pin, cursor } = props;
  const { pieces } = trace;
  const first = pinned?.row ?? pieces.length - 1;
  const move = (event: KeyboardEvent, at: number): void => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: pieces.length - 1 }[event.key];
    const buttons = (event.currentTarget as HTMLElement).parentElement!.querySelectorAll('button');
    if (to === undefined || !buttons[to]) return;
    buttons[to].focus();
    event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what is submitted
    <div
      class="tokens"
      role="group"
      aria-label="Tokens: arrow keys go from one to the next, Enter pins its row"
    >
      {pieces.slice(0, MOST_CHIPS).map((piece, row) => (
        <button
          key={row}
          type="button"
          tabIndex={row === Math.min(first, MOST_CHIPS - 1) ? 0 : -1}
          aria-pressed={pinned?.row === row}
          class={cursor === row ? 'at' : ''}
          title={`token ${row}, id ${trace.ids[row]}`}
          onKeyDown={(event) => move(event, row)}
          onClick={() =>
            pin(pinned?.row === row ? undefined : { row, column: topKeys(trace, 0, row, 1)[0]?.column ?? 0 })
          }
        >
          {piece}
        </button>
      ))}
      {pieces.length > MOST_CHIPS && <span class="muted">and {pieces.length - MOST_CHIPS} more</span>}
    </div>
  );
}

function VariantPanel(props: {
  readonly state: State;
  readonly model: ModelState;
  readonly trace: Trace;
  readonly other: Trace | undefined;
  readonly problems: readonly (string | undefined)[];
}) {
  const { state, model, trace, other, problems } = props;
  const entries = model.variants.value;
  const tokens = trace.pieces.length;
  useEffect(() => {
    if (model.loaded.value)
      void model.engine.ask('attention.footprints', { tokens }).then(
        (found) => {
          model.footprints.value = found;
        },
        () => {},
      );
  }, [model.loaded.value, tokens]);
  const list = (wanted: string) => [
    ...entries.map(({ name, title, refused }) => ({
      value: name,
      label: refused ? `${title}: ${refused}` : title,
      disabled: refused !== undefined,
    })),
    // what a link says stays in the list, also before the list is there
    ...(wanted !== '' && !entries.some(({ name }) => name === wanted)
      ? [{ value: wanted, label: wanted === recorded.variant ? recorded.title : wanted }]
      : []),
  ];
  const side = (
    label: string,
    name: State['variant'],
    options: State['options'],
    shownTrace: Trace | undefined,
    problem: string | undefined,
    none?: string,
  ) => {
    const entry = entries.find((each) => each.name === name.value);
    return (
      <div class="variant-side">
        <Select
          label={label}
          value={name.value}
          options={[...(none ? [{ value: '', label: none }] : []), ...list(name.value)]}
          onChange={(value) => {
            name.value = value;
            options.value = '';
          }}
        />
        {entry && <p class="muted variant-summary">{entry.summary}</p>}
        {shownTrace && name.value !== '' && (
          <p class="provenance">
            <span class={`badge ${shownTrace.provenance.origin}`} data-origin={shownTrace.provenance.origin}>
              {shownTrace.provenance.origin}
            </span>{' '}
            {shownTrace.provenance.note}
          </p>
        )}
        {entry && (
          <OptionForm
            legend="Options"
            defaults={entry.defaults}
            values={readOptions(options.value)}
            problem={problem}
            onChange={(values) => {
              options.value = writeOptions(values);
            }}
          />
        )}
      </div>
    );
  };
  return (
    <section class="panel columns" aria-label="Variants">
      {side('Variant', state.variant, state.options, trace, problems[0])}
      {side('Beside it', state.compare, state.compareOptions, other, problems[1], 'nothing')}
    </section>
  );
}

/** Two variants on the same text, and what differs. */
function Comparison(props: {
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

/** The cell in a sentence, in a formula, and the keys that matter most. */
function Details(props: {
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
          <p class="muted">Weights say where a head reads, not why the model says what it says.</p>
        </div>
      )}
    </section>
  );
}

function readHeads(text: string): readonly number[] {
  const all = text.split(',').map((each) => Number(each) - 1);
  return [...new Set(all.filter((head) => Number.isInteger(head) && head >= 0))];
}

/** Pinned heads that this variant has; the one under the pointer where none is pinned, else the first. */
function headsOf({ H }: Trace, pinned: readonly number[], preview: number | undefined): readonly number[] {
  const found = pinned.filter((head) => head < H).slice(0, 4);
  return found.length > 0 ? found : [Math.min(H - 1, preview ?? 0)];
}

function pickHead(state: State, trace: Trace, pinned: readonly number[], layer: number, head: number): void {
  const heads =
    layer !== trace.layer
      ? [head]
      : pinned.includes(head)
        ? pinned.filter((each) => each !== head)
        : [...pinned, head].slice(-4);
  state.layer.value = layer + 1;
  state.heads.value = heads.map((each) => each + 1).join(',');
}

function readPin(text: string, { pieces }: Trace): Cell | undefined {
  const [row, column] = text.split('.').map(Number);
  if (text === '' || !Number.isInteger(row) || !Number.isInteger(column)) return undefined;
  return row! >= 0 && row! < pieces.length && column! >= 0 ? { row: row!, column: column! } : undefined;
}

/** The last token and what it looks at most, the start aside: most heads rest on it. */
function defaultCell(trace: Trace, head: number): Cell {
  const row = trace.pieces.length - 1;
  const top = topKeys(trace, head, row, 2);
  return { row, column: (top.find(({ column }) => column > 0) ?? top[0])?.column ?? 0 };
}

function optionsOf(state: State, each: Trace, first: Trace): Record<string, unknown> {
  return readOptions(each === first ? state.options.value : state.compareOptions.value);
}

function titleOfPanel(trace: Trace, step: StepName, head: number, name: string, comparing: boolean): string {
  const where = `Layer ${trace.layer + 1}, head ${head + 1}`;
  const what =
    step === 'weights' || step === 'mask' || step === 'scores'
      ? `${where}: ${name}`
      : `Layer ${trace.layer + 1}: ${name}`;
  return comparing ? `${trace.title}. ${what}` : what;
}

/** What the link says and this view does not know, in words. */
function unknownOf(state: State): string[] {
  const lists: readonly (readonly [string, string, readonly string[]])[] = [
    ['step', state.step.value, steps.map(({ value }) => value)],
    ['scale', state.scale.value, ['linear', 'sqrt', 'log']],
  ];
  return lists.flatMap(([name, value, known]) =>
    known.includes(value) ? [] : [`There is no ${name} “${value}”; there are ${known.join(', ')}.`],
  );
}

export default defineView({
  id: 'attention',
  title: 'Attention',
  summary:
    'A small trained model reads your text. Follow a token from its query to the keys it looks at, put two variants next to each other, and see what each keeps for the next token.',
  defaults,
  Component: AttentionView,
});
