import { variants } from '@headwise/attention-variants/registry';
import { batch, signal, useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { TrainNews } from '../../engine/handlers/training.ts';
import { NumberField, OptionForm, type OptionValues, Select } from '../../ui/fields.tsx';
import { Figure } from '../../ui/figure.tsx';
import { type Cell, Heatmap, Legend, shown, Thumbnail } from '../../ui/heatmap.tsx';
import { LineChart } from '../../ui/line-chart.tsx';
import { Note } from '../../ui/live.tsx';
import { defineView, type ViewProps } from '../../view.ts';
import { readOptions, writeOptions } from '../option-link.ts';
import { tasks } from './task-list.ts';
import type { Attended, Kept } from './trainee.ts';
import { cellText, headText, isMasked, keptText } from './words.ts';
import './view.css';

const defaults = { task: 'reversal', variant: 'multi-head', options: '', seed: 1, steps: 400, head: 0 };

/** Steps between two looks. */
const EVERY = 20;

type Points = readonly (readonly [step: number, loss: number])[];

/** A step at which was looked. */
interface Looked {
  readonly step: number;
  readonly loss: number;
  readonly right: number;
}

/**
 * What the page knows of the run; it stays while the visitor looks at another view. Signals of their own, so that a step
 * draws the numbers and the curve anew, and not the attention.
 */
const run = {
  points: signal<Points>([]),
  looks: signal<readonly Looked[]>([]),
  step: signal(0),
  perSecond: signal<number | undefined>(undefined),
  parameters: signal<number | undefined>(undefined),
  /** The attention at the last look; undefined weights where the variant has none. */
  seen: signal<{ readonly step: number; readonly attended: Attended | undefined } | undefined>(undefined),
  kept: signal<(Kept & { readonly to: string; readonly step: number }) | undefined>(undefined),
  /** What it was learned with: another task or seed begins anew. */
  of: signal(''),
};

function forgetAll(): void {
  batch(() => {
    run.points.value = [];
    run.looks.value = [];
    run.step.value = 0;
    run.perSecond.value = undefined;
    run.parameters.value = undefined;
    run.seen.value = undefined;
    run.kept.value = undefined;
    run.of.value = '';
  });
}

/** What the engine says of a run, into the signals. */
function hear(news: TrainNews, variant: string): void {
  batch(() => {
    if (news.kind === 'steps') {
      run.points.value = [...run.points.peek(), ...news.points];
      run.step.value = news.points.at(-1)![0];
      run.perSecond.value = news.perSecond;
    } else if (news.kind === 'looked') {
      const { step, look } = news;
      // the step at which the attention was changed has two looks
      const before = run.looks.peek().filter((each) => each.step !== step || run.kept.peek()?.step === step);
      run.looks.value = [...before, { step, loss: look.loss, right: look.right }];
      run.seen.value = { step, attended: look.attended };
      run.step.value = step;
    } else {
      run.parameters.value = news.parameters;
      run.step.value = news.step;
      if (news.kept && run.kept.peek()?.step !== news.step)
        run.kept.value = { ...news.kept, to: variant, step: news.step };
    }
  });
}

function Training({ state, engine, announce }: ViewProps<typeof defaults>) {
  const running = useSignal<AbortController | undefined>(undefined);
  const problem = useSignal('');
  const names = Object.keys(variants).filter((name) => !('needsSource' in variants[name as 'multi-head']));
  const options = useComputed(() => readOptions(state.options.value) as OptionValues);
  useEffect(() => () => running.peek()?.abort(), []);
  // a look that other choices invalidate is ended, and everything learnt stays
  const choice = `${state.task.value} ${state.variant.value} ${state.options.value} ${state.seed.value}`;
  useEffect(() => () => running.peek()?.abort(), [choice]);
  const wrong = [
    !Object.hasOwn(tasks, state.task.value) &&
      `There is no task “${state.task.value}”; there are ${Object.keys(tasks).join(', ')}.`,
    !names.includes(state.variant.value) &&
      `There is no variant “${state.variant.value}” to train; there are ${names.join(', ')}.`,
  ].filter((each) => each !== false);
  const task = tasks[state.task.value] ?? tasks[defaults.task]!;
  const variant = names.includes(state.variant.value) ? state.variant.value : defaults.variant;

  const play = async (): Promise<void> => {
    if (running.value) return running.value.abort();
    const same = `${state.task.value} ${state.seed.value}`;
    const control = new AbortController();
    running.value = control;
    problem.value = '';
    announce('Training.');
    try {
      if (run.of.peek() !== same) {
        forgetAll();
        run.of.value = same;
        await engine.ask('training.forget', undefined);
      }
      const { step } = await engine.ask(
        'training.run',
        {
          task: state.task.value in tasks ? state.task.value : defaults.task,
          variant,
          options: options.value,
          seed: state.seed.value,
          steps: Math.max(state.steps.value, run.step.peek()),
          every: EVERY,
        },
        { signal: control.signal, onProgress: (news) => hear(news as TrainNews, variant) },
      );
      const last = run.looks.peek().at(-1);
      announce(`Step ${step}: ${last ? `${percent(last.right)} of the answers are right.` : 'done.'}`);
    } catch (error) {
      if ((error as Error).name === 'AbortError') announce(`Paused at step ${run.step.peek()}.`);
      else {
        problem.value = (error as Error).message;
        announce(problem.value);
      }
    } finally {
      if (running.value === control) running.value = undefined;
    }
  };
  const restart = async (): Promise<void> => {
    running.value?.abort();
    await engine.ask('training.forget', undefined).catch(() => {});
    forgetAll();
    announce('Everything learnt is forgotten.');
  };
  const isDone = useComputed(() => run.step.value >= state.steps.value && run.step.value > 0).value;
  const hasBegun = useComputed(() => run.step.value > 0).value;
  const kept = run.kept.value;
  return (
    <>
      {wrong.length > 0 && <Note text={wrong.join(' ')} />}
      {problem.value && <Note kind="problem" text={problem.value} />}
      <section class="panel" aria-label="What is trained">
        <h2 class="visually-hidden">What is trained</h2>
        <div class="row">
          <Select
            label="Task"
            value={state.task.value}
            options={Object.entries(tasks).map(([value, { title }]) => ({ value, label: title }))}
            onChange={(value) => {
              state.task.value = value;
            }}
          />
          <Select
            label="Attention"
            value={variant}
            options={names.map((name) => ({ value: name, label: variants[name as 'multi-head'].title }))}
            onChange={(value) => {
              state.variant.value = value;
              state.options.value = '';
            }}
          />
          <NumberField
            label="Steps"
            value={state.steps.value}
            min={1}
            max={20000}
            step={1}
            onChange={(value) => {
              state.steps.value = Math.round(value);
            }}
          />
          <NumberField
            label="Seed"
            value={state.seed.value}
            min={0}
            max={4294967295}
            step={1}
            onChange={(value) => {
              state.seed.value = Math.round(value);
            }}
          />
        </div>
        <p>
          <code>{task.example}</code> <span class="muted">{task.needs}</span>
        </p>
        <details>
          <summary>Options of {variant}</summary>
          <OptionForm
            legend={variant}
            defaults={variants[variant as 'multi-head'].defaults as OptionValues}
            values={options.value}
            problem={problem.value || undefined}
            onChange={(values) => {
              state.options.value = writeOptions(values);
            }}
          />
        </details>
        <p class="row">
          {/* one button: focus stays where it is when a run begins, pauses and ends */}
          <button
            type="button"
            class={running.value ? '' : 'primary'}
            onClick={() => void play()}
            aria-disabled={isDone && !running.value}
          >
            {running.value ? 'Pause' : hasBegun ? (isDone ? 'All steps made' : 'Go on') : 'Train'}
          </button>
          <button type="button" onClick={() => void restart()}>
            Start over
          </button>
          {isDone && !running.value && (
            <button
              type="button"
              onClick={() => {
                state.steps.value += 400;
              }}
            >
              400 steps more
            </button>
          )}
        </p>
        <Numbers steps={state.steps.value} />
        {kept && (
          <p class="muted" data-kept={kept.kept.length}>
            {keptText(kept, kept.to)}
          </p>
        )}
        <p class="muted">
          Two layers of width 32 with two heads and rotary positions, batches of 32 rows, AdamW. Another
          attention goes on with what has been learnt; another task or seed begins anew.
        </p>
      </section>
      <div class="columns">
        <section class="panel" aria-label="How it learns">
          <h2 class="visually-hidden">How it learns</h2>
          <LossFigure />
        </section>
        <section class="panel" aria-label="What it looks at">
          <h2 class="visually-hidden">What it looks at</h2>
          <AttentionFigure state={state} />
        </section>
      </div>
    </>
  );
}

function Numbers({ steps }: { readonly steps: number }) {
  const step = run.step.value;
  const loss = run.points.value.at(-1)?.[1];
  const last = run.looks.value.at(-1);
  const numbers = {
    step: `${step} of ${Math.max(steps, step)}`,
    loss: loss?.toFixed(3),
    'right answers': last && percent(last.right),
    'steps a second': run.perSecond.value?.toFixed(1),
    weights: run.parameters.value?.toLocaleString('en'),
  };
  return (
    <dl class="train-numbers">
      {Object.entries(numbers).map(([name, text]) => (
        <div key={name} data-number={name}>
          <dt>{name}</dt>
          <dd>{text ?? '–'}</dd>
        </div>
      ))}
    </dl>
  );
}

function LossFigure() {
  const svg = useRef<SVGSVGElement>(null);
  const points = run.points.value;
  const looks = run.looks.value;
  const kept = run.kept.value?.step;
  if (points.length === 0)
    return (
      <>
        <h3>Loss</h3>
        <p class="muted">Train it, and the curve grows here.</p>
      </>
    );
  const thin = thinned(points, 240);
  const last = looks.at(-1);
  return (
    <Figure
      title="Loss"
      caption={
        <>
          After {points.at(-1)![0]} steps the loss of a batch is {points.at(-1)![1].toFixed(3)}
          {last &&
            `, ${last.loss.toFixed(3)} on rows that are never trained on, of which ${percent(last.right)} are answered right`}
          .
          {kept !== undefined &&
            kept > 0 &&
            ` The dashed line is where the attention was changed, at step ${kept}.`}
        </>
      }
      table={() => ({
        columns: ['step', 'loss on unseen rows', 'right answers'],
        rows: looks.map(({ step, loss, right }) => [step, loss.toFixed(4), percent(right)]),
      })}
      exports={{ name: 'training-loss', picture: () => svg.current, numbers: () => ({ points, looks }) }}
    >
      <LineChart
        label={`Loss over steps, from ${points[0]![1].toFixed(2)} to ${points.at(-1)![1].toFixed(3)}`}
        svg={svg}
        series={[
          { name: 'trained on', points: thin },
          { name: 'unseen rows', points: looks.map(({ step, loss }) => [step, loss] as const) },
        ]}
        x={{ title: 'step' }}
        y={{ title: 'loss' }}
        mark={kept !== undefined && kept > 0 ? kept : undefined}
      />
    </Figure>
  );
}

function AttentionFigure({ state }: { readonly state: ViewProps<typeof defaults>['state'] }) {
  const cursor = useSignal<Cell | undefined>(undefined);
  const canvas = useRef<HTMLCanvasElement>(null);
  const seen = run.seen.value;
  if (!seen?.attended)
    return (
      <>
        <h3>Attention</h3>
        <p class="muted">
          {seen
            ? 'This variant has no weights to look at: it sums keys and values into a state.'
            : 'Train it, and see here which tokens look at which.'}
        </p>
      </>
    );
  const { attended, step } = seen;
  const { names, heads } = attended;
  const L = names.length;
  const chosen = Math.max(0, Math.min(heads.length - 1, state.head.value));
  const { layer, head, weights } = heads[chosen]!;
  const values = Float32Array.from(weights, (weight, i) =>
    isMasked(weights, L, Math.floor(i / L), i % L) ? Number.NaN : weight,
  );
  const labels = names.map((name) => name);
  return (
    <Figure
      title={`Attention after ${step} steps: layer ${layer}, head ${head}`}
      caption="Rows are tokens that ask, columns tokens that are asked, of one row that is never trained on."
      table={() => ({
        columns: ['token ↓ looks at →', ...names.map((name, i) => `${i} ${name}`)],
        rows: names.map((name, i) => [
          `${i} ${name}`,
          ...Array.from({ length: L }, (_, j) =>
            isMasked(weights, L, i, j) ? 'masked' : shown(weights[i * L + j]!),
          ),
        ]),
      })}
      exports={{
        name: `training-layer-${layer}-head-${head}`,
        picture: () => canvas.current,
        numbers: () => ({ names, heads: heads.map((each) => ({ ...each, weights: [...each.weights] })) }),
      }}
    >
      <fieldset class="train-heads">
        <legend class="visually-hidden">Head</legend>
        {heads.map((each, n) => (
          <button
            key={`${each.layer} ${each.head}`}
            type="button"
            aria-pressed={n === chosen}
            onClick={() => {
              state.head.value = n;
            }}
          >
            <Thumbnail rows={L} columns={L} values={each.weights} range={[0, 1]} size={56} />
            layer {each.layer}, head {each.head}
          </button>
        ))}
      </fieldset>
      <Heatmap
        rows={L}
        columns={L}
        values={values}
        range={[0, 1]}
        rowLabels={labels}
        columnLabels={labels}
        label={`Attention weights of layer ${layer}, head ${head}`}
        describe={({ row, column }) => cellText(attended, chosen, row, column)}
        cursor={cursor.value}
        onCursor={(cell) => {
          cursor.value = cell;
        }}
        canvas={canvas}
        most={30}
      />
      <p class="train-cell">
        {cursor.value
          ? cellText(attended, chosen, cursor.value.row, cursor.value.column)
          : headText(attended, chosen)}
      </p>
      <Legend range={[0, 1]} unit="" />
    </Figure>
  );
}

function percent(part: number): string {
  return `${(100 * part).toFixed(0)} %`;
}

/** As many points as the picture can show; of each stretch the mean. */
function thinned(points: Points, most: number): Points {
  const stride = Math.ceil(points.length / most);
  if (stride <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / stride) }, (_, i) => {
    const part = points.slice(i * stride, (i + 1) * stride);
    return [part.at(-1)![0], part.reduce((sum, [, loss]) => sum + loss, 0) / part.length] as const;
  });
}

export default defineView({
  id: 'training',
  title: 'Training',
  summary:
    'A decoder of two layers learns a small task here, on your device, while you watch what its tokens look at. Change the attention and go on.',
  defaults,
  Component: Training,
});
