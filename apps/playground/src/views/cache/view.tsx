import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { CacheEntries, RunProgress } from '../../engine/handlers/cache.ts';
import { Choice, NumberField, OptionForm, Select, Slider } from '../../ui/fields.tsx';
import { Figure, type TableData } from '../../ui/figure.tsx';
import { LineChart } from '../../ui/line-chart.tsx';
import { Note } from '../../ui/live.tsx';
import { bytesText, Meter, Progress } from '../../ui/meter.tsx';
import { defineView, type ViewProps } from '../../view.ts';
import '../views.css';
import { readOptions, writeOptions } from '../option-link.ts';
import { useAnswer } from '../use-answer.ts';
import { cellsOf, lineOf, type Order, sentenceOf } from './cells.ts';
import type { CacheSetup, Frame, Run, SizePicture } from './picture.ts';
import { ConstantCanvas, StateCanvas } from './states-canvas.tsx';

const defaults = {
  prompt: 'Once upon a time there was a little cat. She',
  variant: 'sliding-window',
  options: '',
  cache: '',
  cacheOptions: '',
  tokens: 32,
  seed: 1,
  step: -1,
  order: 'tokens',
  model: 'Llama-3-8B',
  context: 131072,
};

type Props = ViewProps<typeof defaults>;

/** Between two steps while it plays. */
const PLAY_MS = 450;

function Cache(props: Props) {
  const { state, engine, announce } = props;
  const entries = useAnswer<CacheEntries>(engine, 'cache.entries', {});
  const options = useComputed(() => readOptions(state.options.value));
  const cacheOptions = useComputed(() => readOptions(state.cacheOptions.value));
  const setup: CacheSetup = {
    variant: state.variant.value,
    options: options.value,
    cache: state.cache.value,
    cacheOptions: cacheOptions.value,
    prompt: state.prompt.value,
    tokens: state.tokens.value,
    seed: state.seed.value,
  };
  const run = useAnswer<Run, RunProgress>(engine, 'cache.run', setup);
  const kept = useAnswer<readonly string[]>(engine, 'cache.kept', {
    variant: setup.variant,
    options: setup.options,
  });
  const variant = entries.result?.variants.find(({ name }) => name === setup.variant);
  const fitting = (entries.result?.caches ?? []).filter(({ holds }) =>
    holds.includes(kept.result?.[0] ?? ''),
  );
  const cache = fitting.find(({ name }) => name === setup.cache);
  const own = { value: '', label: 'as the layer asks' };
  return (
    <>
      <section class="panel stack" aria-label="What is run">
        <div class="field">
          <label for="cache-prompt">Prompt</label>
          <input
            id="cache-prompt"
            type="text"
            value={state.prompt.value}
            onChange={({ currentTarget }) => {
              state.prompt.value = currentTarget.value;
            }}
          />
        </div>
        <div class="row">
          <Select
            label="Variant"
            value={setup.variant}
            options={(entries.result?.variants ?? [{ name: setup.variant, title: setup.variant }]).map(
              ({ name, title }) => ({ value: name, label: title }),
            )}
            onChange={(name) => {
              state.options.value = '';
              state.cache.value = '';
              state.cacheOptions.value = '';
              state.step.value = -1;
              state.variant.value = name;
            }}
          />
          <Select
            label="Cache"
            value={setup.cache}
            options={[own, ...fitting.map(({ name, title }) => ({ value: name, label: title }))]}
            onChange={(name) => {
              state.cacheOptions.value = '';
              state.cache.value = name;
            }}
          />
          <NumberField
            label="Tokens"
            value={state.tokens.value}
            min={2}
            max={128}
            step={1}
            onChange={(value) => {
              state.step.value = -1;
              state.tokens.value = Math.round(value);
            }}
          />
          <NumberField
            label="Seed"
            value={state.seed.value}
            min={0}
            step={1}
            onChange={(value) => {
              state.seed.value = Math.round(value);
            }}
          />
        </div>
        {variant && (
          <OptionForm
            open
            legend={`Options of ${variant.name}`}
            defaults={variant.defaults}
            choices={variant.choices}
            values={options.value}
            onChange={(values) => {
              state.options.value = writeOptions(values);
            }}
          />
        )}
        {cache && (
          <OptionForm
            open
            legend={`Options of ${cache.name}`}
            defaults={cache.defaults}
            choices={cache.choices}
            values={cacheOptions.value}
            onChange={(values) => {
              state.cacheOptions.value = writeOptions(values);
            }}
          />
        )}
        {(run.problem ?? entries.problem) && <Note kind="problem" text={(run.problem ?? entries.problem)!} />}
        {run.busy && (
          <Progress
            label={run.progress?.of ? `Token ${run.progress.done} of ${run.progress.of}` : 'Getting ready'}
            done={run.progress?.of ? run.progress.done / run.progress.of : undefined}
          />
        )}
      </section>
      {run.result && run.result.frames.length > 0 && (
        <Player run={run.result} state={state} announce={announce} summary={variant?.summary} />
      )}
      <Sizes {...props} models={entries.result?.models ?? [state.model.value]} />
    </>
  );
}

/** The run, step by step. */
function Player(props: {
  readonly run: Run;
  readonly state: Props['state'];
  readonly announce: Props['announce'];
  readonly summary: string | undefined;
}) {
  const { run, state, announce, summary } = props;
  const { frames, tokens } = run;
  const playing = useSignal(false);
  const words = useSignal('');
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = frames.length - 1;
  const at = state.step.value < 0 ? last : Math.min(last, state.step.value);
  const frame = frames[at]!;
  const order = state.order.value as Order;
  const go = (step: number, said = true): void => {
    state.step.value = Math.max(0, Math.min(last, step));
    if (said) announce(sentenceOf(frames[state.step.value]!));
  };
  useEffect(() => {
    if (!playing.value) return;
    const timer = setInterval(() => {
      const now = state.step.peek();
      if (now < 0 || now >= last) playing.value = false;
      else state.step.value = now + 1;
    }, PLAY_MS);
    return () => clearInterval(timer);
  }, [playing.value, last]);
  const most = useMemo(
    () =>
      Math.max(
        1e-9,
        ...frames.flatMap(({ states }) => states.flatMap(({ slots }) => slots.map((slot) => slot.size))),
      ),
    [frames],
  );
  const cells = useMemo(
    () => frame.states.map((each) => cellsOf(each, frame, order, { tokens, most })),
    [frame, order, tokens, most],
  );
  const forgotten = new Set(frame.states[0]!.evicted);
  return (
    <section class="panel stack">
      <h2>Step by step</h2>
      {run.problem && <Note text={`The run ended after ${last + 1} steps: ${run.problem}`} />}
      <p class="sentence" data-sentence>
        {sentenceOf(frame)}
      </p>
      <p class="muted small">
        <span class="badge wraps">{run.weights}</span> {summary}
      </p>
      <fieldset class="transport">
        <legend class="visually-hidden">Step</legend>
        <button type="button" aria-label="First step" disabled={at === 0} onClick={() => go(0)}>
          |◀
        </button>
        <button type="button" aria-label="Step back" disabled={at === 0} onClick={() => go(at - 1)}>
          ◀
        </button>
        <button
          type="button"
          class="primary"
          onClick={() => {
            if (!playing.value && at === last) go(0, false);
            else if (!playing.value) go(at, false);
            playing.value = !playing.value;
          }}
        >
          {playing.value ? 'Pause' : 'Play'}
        </button>
        <button type="button" aria-label="Step on" disabled={at === last} onClick={() => go(at + 1)}>
          ▶
        </button>
        <input
          type="range"
          aria-label="Step"
          min={0}
          max={last}
          value={at}
          aria-valuetext={`step ${at} of ${last}: token ${frame.length - 1}, ${frame.text}`}
          onInput={({ currentTarget }) => go(Number(currentTarget.value), false)}
        />
        <output>
          step {at} of {last}
        </output>
      </fieldset>
      <p class="story mono" role="note" aria-label="The text so far">
        {tokens.map((text, token) => (
          <span
            key={token}
            class={
              token === frame.length - 1
                ? 'now'
                : token >= frame.length
                  ? 'later'
                  : forgotten.has(token)
                    ? 'gone'
                    : ''
            }
          >
            {token < frame.length ? text : ''}
          </span>
        ))}
      </p>
      <Choice
        label="A cell is"
        value={order}
        options={[
          { value: 'tokens', label: 'a token of the text, numbered by its slot' },
          { value: 'slots', label: 'a slot of the cache, numbered by its token' },
        ]}
        onChange={(value) => {
          state.order.value = value;
        }}
      />
      <Figure
        title="What each layer keeps"
        caption="Drawn from the states themselves: which token stands in which slot, and how large its numbers are on average."
        table={() => slotTable(frame, tokens)}
        exports={{
          name: `cache-${state.variant.value}-${at}`,
          picture: () => canvas.current,
          numbers: () => frame,
        }}
      >
        <div class="states">
          {frame.states.map((each, n) => (
            <div key={each.id} data-state={each.id}>
              <p class="state-line">
                <strong>Layer {each.layer}</strong>
                <span>{lineOf(each)}</span>
              </p>
              {cells[n]!.length > 0 && (
                <StateCanvas
                  cells={cells[n]!}
                  label={`Layer ${each.layer}: ${lineOf(each)}`}
                  canvas={n === 0 ? canvas : undefined}
                  onWords={(said) => {
                    words.value = `Layer ${each.layer}, ${said}.`;
                  }}
                />
              )}
              {each.constants.length > 0 && (
                <div class="constants">
                  {each.constants.map((constant) => (
                    <ConstantCanvas key={constant.name} constant={constant} />
                  ))}
                </div>
              )}
            </div>
          ))}
        </div>
        <p class="said" role="status">
          {words.value || 'Point at a cell, or use the arrow keys in a row.'}
        </p>
        <Key frame={frame} order={order} />
      </Figure>
      <Bytes frame={frame} />
    </section>
  );
}

/** Only what the picture has. */
function Key({ frame, order }: { readonly frame: Frame; readonly order: Order }) {
  const slots = frame.states.flatMap((each) => each.slots);
  if (slots.length === 0) return null;
  const entries: readonly (readonly [boolean, string, string])[] = [
    [true, '', 'held; the colour says how large its numbers are'],
    [slots.some(({ fresh }) => fresh), 'key-fresh', 'written by this step'],
    [slots.some(({ read }) => read === true), 'key-read', 'read by this step'],
    [slots.some(({ packed }) => packed), 'key-packed', 'packed to fewer bits'],
    [true, 'key-empty', 'empty'],
    [
      order === 'tokens' && frame.states.some(({ evicted }) => evicted.length > 0),
      'key-gone',
      'forgotten (evicted)',
    ],
  ];
  return (
    <ul class="key">
      {entries
        .filter(([has]) => has)
        .map(([, name, words]) => (
          <li key={words}>
            <i class={name} aria-hidden="true" />
            {words}
          </li>
        ))}
    </ul>
  );
}

const number = new Intl.NumberFormat('en');

function Bytes({ frame }: { readonly frame: Frame }) {
  const { states } = frame;
  const sum = (of: (state: Frame['states'][number]) => number): number =>
    states.reduce((total, each) => total + of(each), 0);
  const [used, full, device] = [
    sum(({ bytes }) => bytes.used),
    sum(({ bytes }) => bytes.full),
    sum(({ bytes }) => bytes.device),
  ];
  const predicted = sum((each) => each.predicted.bytes);
  const equal = used === predicted;
  return (
    <div class="stack">
      <h2>Bytes</h2>
      <Meter
        label="used, of all slots"
        value={used}
        max={full}
        text={`${number.format(used)} B of ${number.format(full)} B`}
      />
      <dl class="facts" data-bytes>
        <div>
          <dt>allocated on the device, with positions and views</dt>
          <dd data-allocated={device}>{number.format(device)} B</dd>
        </div>
        <div>
          <dt>used now</dt>
          <dd data-used={used}>{number.format(used)} B</dd>
        </div>
        <div>
          <dt>predicted by the formula</dt>
          <dd data-predicted={predicted}>
            {number.format(predicted)} B{' '}
            <span class={equal ? 'tick' : 'wrong'}>{equal ? '✓ equal' : '✗ not equal'}</span>
          </dd>
        </div>
      </dl>
      <details>
        <summary>The formula of each layer, with its numbers</summary>
        <ul>
          {states.map(({ id, layer, predicted: { formula } }) => (
            <li key={id} class="formula">
              Layer {layer}: <code>{formula}</code>
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}

function slotTable({ states }: Frame, tokens: readonly string[]): TableData {
  return {
    columns: [
      'layer and slot',
      'token',
      'text',
      'position',
      'written now',
      'largest weight',
      'packed',
      'mean size',
    ],
    rows: states.flatMap(({ layer, slots }) =>
      slots.map(({ token, position, fresh, weight, packed, size }, slot) => [
        `${layer}: ${slot}`,
        token < 0 ? 'empty' : token,
        token < 0 ? '' : (tokens[token] ?? ''),
        position < 0 ? '' : position,
        fresh ? 'yes' : '',
        weight === undefined ? '' : weight.toFixed(4),
        packed ? 'yes' : '',
        token < 0 ? '' : size.toFixed(4),
      ]),
    ),
  };
}

/** Published models, to a million tokens. */
function Sizes({ state, engine, models }: Props & { readonly models: readonly string[] }) {
  const chart = useRef<SVGSVGElement>(null);
  const { result, problem } = useAnswer<SizePicture>(engine, 'cache.sizes', {
    model: state.model.value,
    tokens: state.context.value,
  });
  const count = state.context.value.toLocaleString('en');
  const [own, ...variants] = result?.lines ?? [];
  return (
    <section class="panel stack">
      <h2>A real model, to a million tokens</h2>
      <div class="row">
        <Select
          label="Model"
          value={state.model.value}
          options={[...new Set([...models, state.model.value])].map((name) => ({ value: name, label: name }))}
          onChange={(name) => {
            state.model.value = name;
          }}
        />
        <Slider
          label="Context"
          value={Math.log2(state.context.value)}
          min={8}
          max={20}
          step={0.25}
          text={`${count} tokens`}
          onChange={(value) => {
            state.context.value = Math.round(2 ** value);
          }}
        />
      </div>
      {problem && <Note kind="problem" text={problem} />}
      {result && own && (
        <>
          <p class="sentence" data-size={own.bytes}>
            {result.model} keeps {bytesText(own.bytes)} for {count} tokens at 16 bit, {times(own.less)} less
            than multi-head attention of its shape. <span class="muted small">({result.source})</span>
          </p>
          <p class="formula">
            <code data-formula>{own.formula}</code>
          </p>
          <Figure
            title="Bytes of keys and values by context"
            caption="From config alone, by the formula the allocator uses. Both axes double with every step. Variants that keep the same share a line; × says how many times less than multi-head attention at the chosen context."
            table={() => sizeTable(result)}
            exports={{
              name: `kv-bytes-${result.model}`,
              picture: () => chart.current,
              numbers: () => result,
            }}
          >
            <LineChart
              svg={chart}
              label={`Bytes of keys and values of ${result.model} and of each variant in its shape, by context`}
              series={[own, ...variants].slice(0, 8).map((line) => ({
                name: `${times(line.less)} ${line.published ? 'as published' : short(line.name)}`,
                points: line.points.map(([tokens, bytes]) => [tokens, Math.max(1, bytes)] as const),
                ...(line.published && { color: 'var(--text)', dash: '' }),
              }))}
              x={{ title: 'tokens', scale: 'log2', format: tokensText }}
              y={{ title: 'bytes', scale: 'log2', format: bytesText }}
              mark={state.context.value}
              room={190}
            />
          </Figure>
        </>
      )}
    </section>
  );
}

function sizeTable({ lines, tokens }: SizePicture): TableData {
  return {
    columns: ['kept by', `bytes at ${number.format(tokens)} tokens`, 'less than multi-head', 'formula'],
    rows: lines.map(({ name, bytes, less, formula }) => [name, number.format(bytes), times(less), formula]),
  };
}

/** The first of several, and how many more. */
function short(name: string): string {
  const [first, ...more] = name.split(', ');
  return more.length > 0 ? `${first} +${more.length}` : first!;
}

function times(less: number): string {
  if (!Number.isFinite(less)) return '∞×';
  return `${less >= 100 ? Math.round(less).toLocaleString('en') : Number(less.toPrecision(3))}×`;
}

function tokensText(tokens: number): string {
  if (tokens >= 2 ** 20) return `${tokens / 2 ** 20}M`;
  return tokens >= 1024 ? `${tokens / 1024}K` : String(tokens);
}

export default defineView({
  id: 'cache',
  title: 'KV cache',
  summary:
    'What each variant keeps between two tokens: watch a cache fill, wrap, share, page, pack and forget, drawn from its real buffers, and count the bytes.',
  defaults,
  Component: Cache,
});
