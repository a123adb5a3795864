import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { CacheEntries, RunProgress } from '../../engine/handlers/cache.ts';
import { Choice, NumberField, OptionForm, Select } from '../../ui/fields.tsx';
import { Figure, type TableData } from '../../ui/figure.tsx';
import { Note } from '../../ui/live.tsx';
import { Progress } from '../../ui/meter.tsx';
import { defineView, type ViewProps } from '../../view.ts';
import '../views.css';
import { readOptions, writeOptions } from '../option-link.ts';
import { useAnswer } from '../use-answer.ts';
import { Bytes } from './bytes.tsx';
import { cellsOf, lineOf, type Order, sentenceOf } from './cells.ts';
import { Key } from './key.tsx';
import type { CacheSetup, Frame, Run } from './picture.ts';
import { Sizes } from './sizes-panel.tsx';
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

export default defineView({
  id: 'cache',
  title: 'KV cache',
  summary:
    'What each variant keeps between two tokens: watch a cache fill, wrap, share, page, pack and forget, drawn from its real buffers, and count the bytes.',
  defaults,
  Component: Cache,
});
