import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { SamplingAnswer, SamplingQuestion } from '../../engine/handlers/sampling.ts';
import { NumberField, OptionForm, Select } from '../../ui/fields.tsx';
import { Figure } from '../../ui/figure.tsx';
import { Note } from '../../ui/live.tsx';
import { defineView, type ViewProps } from '../../view.ts';
import '../views.css';
import { readOptions, readRules, writeOptions, writeRules } from '../option-link.ts';
import { useAnswer } from '../use-answer.ts';
import { ChainEditor } from './chain.tsx';
import type { samplingRules } from './model.ts';
import type { HistogramPicture } from './picture.ts';
import { barTable, CumulativeBar, Histogram, histogramTable, percent, StageTable } from './pictures.tsx';

const DRAWS = 1000;

const example = {
  type: 'object',
  properties: { name: { enum: ['Lily', 'Tom'] }, age: { type: 'integer', minimum: 0, maximum: 9 } },
  required: ['name', 'age'],
};

const defaults = {
  prompt: 'Once upon a time there was a little',
  kept: '',
  chain: 'temperature@temperature:0.8/top-k@k:40/min-p',
  choice: 'draw',
  choiceOptions: '',
  seed: 42,
  schema: '',
};

type Props = ViewProps<typeof defaults>;

function Sampling({ state, engine, announce }: Props) {
  const rules = useAnswer<ReturnType<typeof samplingRules>>(engine, 'sampling.rules', {});
  const stages = useComputed(() => readRules(state.chain.value));
  const choiceOptions = useComputed(() => readOptions(state.choiceOptions.value));
  const known = new Set(rules.result?.filters.map(({ name }) => name));
  const unknown = rules.result ? stages.value.filter(({ name }) => !known.has(name)) : [];
  const generated = state.kept.value
    .split(',')
    .filter(Boolean)
    .map(Number)
    .filter((id) => Number.isInteger(id) && id >= 0);
  const question: SamplingQuestion = {
    prompt: state.prompt.value,
    generated,
    stages: stages.value.filter(({ name }) => !unknown.some((each) => each.name === name)),
    choice: { name: state.choice.value, options: choiceOptions.value },
    seed: state.seed.value,
    schema: state.schema.value,
  };
  const { result, problem, busy } = useAnswer<SamplingAnswer>(
    engine,
    'sampling.step',
    rules.result ? question : undefined,
  );
  const keep = (id: number, text: string): void => {
    state.kept.value = [...generated, id].join();
    announce(`${text} kept`);
  };
  return (
    <div aria-busy={busy}>
      <div class="columns">
        <section class="panel stack" aria-label="The text">
          <Prompt state={state} />
          {result && (
            <>
              <p class="story" data-text>
                {result.text || '(nothing yet)'}
              </p>
              <div class="row">
                <button
                  type="button"
                  class="primary"
                  disabled={busy || problem !== undefined || result.ends}
                  onClick={() => keep(result.choice.id, result.choice.text)}
                >
                  Keep “{result.choice.text}” and go on
                </button>
                <button
                  type="button"
                  disabled={generated.length === 0}
                  onClick={() => {
                    state.kept.value = generated.slice(0, -1).join();
                    announce('The last token is taken back');
                  }}
                >
                  Take one back
                </button>
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
              {result.ends && <p class="muted small">The drawn token would end the text.</p>}
            </>
          )}
          <Schema state={state} />
          {problem && <Note kind="problem" text={problem} />}
          {unknown.length > 0 && (
            <Note
              kind="problem"
              text={`There is no filter ${unknown.map(({ name }) => `“${name}”`).join(', ')}; it is left out.`}
            />
          )}
        </section>
        <section class="panel stack" aria-label="The chain">
          <h2>Filters, then a choice</h2>
          <ChainEditor
            stages={stages.value}
            filters={rules.result?.filters ?? []}
            did={result && (result.constraint ? result.stages.slice(1) : result.stages)}
            announce={announce}
            onChange={(next) => {
              state.chain.value = writeRules(next);
            }}
          />
          <Select
            label="The choice"
            value={state.choice.value}
            options={(rules.result?.choices ?? [{ name: state.choice.value, formula: '' }]).map(
              ({ name, formula }) => ({ value: name, label: formula ? `${name}: ${formula}` : name }),
            )}
            onChange={(name) => {
              state.choiceOptions.value = '';
              state.choice.value = name;
            }}
          />
          <OptionForm
            legend={`Options of ${state.choice.value}`}
            defaults={rules.result?.choices.find(({ name }) => name === state.choice.value)?.defaults ?? {}}
            values={choiceOptions.value}
            onChange={(options) => {
              state.choiceOptions.value = writeOptions(options);
            }}
          />
        </section>
      </div>
      {result && <Results result={result} question={question} engine={engine} busy={busy} />}
    </div>
  );
}

function Prompt({ state }: { readonly state: Props['state'] }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>Prompt</label>
      <textarea
        id={id}
        rows={2}
        value={state.prompt.value}
        onInput={({ currentTarget }) => {
          state.kept.value = '';
          state.prompt.value = currentTarget.value;
        }}
      />
    </div>
  );
}

/** A JSON schema that the generated text is held to. */
function Schema({ state }: { readonly state: Props['state'] }) {
  const id = useId();
  return (
    <details open={state.schema.value !== ''}>
      <summary>Hold what is generated to a JSON schema</summary>
      <div class="stack">
        <div class="field">
          <label for={id}>JSON schema</label>
          <textarea
            id={id}
            class="mono"
            rows={5}
            spellcheck={false}
            value={state.schema.value}
            onChange={({ currentTarget }) => {
              state.kept.value = '';
              state.schema.value = currentTarget.value;
            }}
          />
        </div>
        <div class="row">
          <button
            type="button"
            onClick={() => {
              state.kept.value = '';
              state.schema.value = JSON.stringify(example);
            }}
          >
            An example
          </button>
          <button
            type="button"
            disabled={state.schema.value === ''}
            onClick={() => {
              state.kept.value = '';
              state.schema.value = '';
            }}
          >
            No schema
          </button>
        </div>
      </div>
    </details>
  );
}

function Results(props: {
  readonly result: SamplingAnswer;
  readonly question: SamplingQuestion;
  readonly engine: Props['engine'];
  readonly busy: boolean;
}) {
  const { result, question, engine } = props;
  const bar = useRef<SVGSVGElement>(null);
  const { choice, constraint, rest, rows } = result;
  return (
    <>
      <p class="sentence" data-sentence>
        {sentenceOf(result, question.seed)}
      </p>
      {constraint && (
        <p class="sentence" data-constraint>
          The schema forbids {constraint.forbidden.toLocaleString('en')} of{' '}
          {result.vocabulary.toLocaleString('en')} tokens. Read so far:{' '}
          <code>{constraint.text || 'nothing'}</code>
          {constraint.complete ? ', which is complete.' : `; next must be ${constraint.next}.`}
        </p>
      )}
      <section class="panel">
        <Figure
          title="Every token through every stage"
          caption={`The ${rows.length} tokens that matter most of ${result.vocabulary.toLocaleString('en')}; ${rest.count.toLocaleString('en')} others share ${percent(rest.probability)} at the end. A filter sees what the one before it has left.`}
          exports={{ name: 'sampling-stages', numbers: () => result, csv: () => stagesCsv(result) }}
        >
          <StageTable picture={result} />
        </Figure>
      </section>
      <div class="pairs">
        <section class="panel">
          {choice.bar.length > 0 ? (
            <Figure
              title="The draw"
              caption={`Seed ${question.seed} gives u; the choice “${choice.name}” takes the token whose part of the line u falls into.`}
              table={() => barTable(choice)}
              exports={{ name: 'sampling-draw', picture: () => bar.current, numbers: () => choice }}
            >
              <CumulativeBar choice={choice} svg={bar} />
            </Figure>
          ) : (
            <>
              <h3>The draw</h3>
              <p>
                The choice “{choice.name}” does not walk along a line: it took {choice.uniforms} random
                numbers and chose <strong class="mono">{choice.text}</strong>.
              </p>
            </>
          )}
        </section>
        <Draws question={question} engine={engine} />
      </div>
    </>
  );
}

function sentenceOf({ stages, choice, vocabulary, start }: SamplingAnswer, seed: number): string {
  const left = stages.at(-1)?.left ?? vocabulary;
  const entropy = stages.at(-1)?.entropy ?? start.entropy;
  const u = choice.u === undefined ? '' : ` gives u = ${choice.u.toFixed(6)}, which`;
  const filters = `${stages.length} filter${stages.length === 1 ? '' : 's'}`;
  return `${filters} leave ${left.toLocaleString('en')} of ${vocabulary.toLocaleString('en')} tokens and ${entropy.toFixed(2)} of ${start.entropy.toFixed(2)} bits. Seed ${seed}${u} chooses ‘${choice.text}’ with a probability of ${percent(choice.probability)}.`;
}

/** A thousand draws at this step, when they are asked for. */
function Draws({
  question,
  engine,
}: {
  readonly question: SamplingQuestion;
  readonly engine: Props['engine'];
}) {
  const wanted = useSignal<string | undefined>(undefined);
  const svg = useRef<SVGSVGElement>(null);
  const key = JSON.stringify(question);
  // another step: the old draws are not its
  useEffect(() => {
    if (wanted.value !== undefined && wanted.value !== key) wanted.value = undefined;
  }, [key]);
  const asked = wanted.value === key;
  const { result, problem, busy } = useAnswer<HistogramPicture>(
    engine,
    'sampling.histogram',
    asked ? { ...question, draws: DRAWS } : undefined,
  );
  return (
    <section class="panel stack">
      <h3>A thousand draws</h3>
      <button
        type="button"
        disabled={asked && busy}
        onClick={() => {
          wanted.value = key;
        }}
      >
        Draw {DRAWS}×
      </button>
      {problem && asked && <p class="wrong">{problem}</p>}
      {asked && result && !busy && (
        <Figure
          title="Drawn and expected"
          caption={
            result.fit
              ? `χ² = ${result.fit.statistic.toFixed(2)} with ${result.fit.freedom} degrees of freedom: draws as far off as these, or further, come up with a chance of ${percent(result.fit.p)}.`
              : 'One token has it all: there is nothing to compare.'
          }
          table={() => histogramTable(result)}
          exports={{ name: 'sampling-draws', picture: () => svg.current, numbers: () => result }}
        >
          <Histogram histogram={result} svg={svg} />
        </Figure>
      )}
    </section>
  );
}

function stagesCsv({ rows, stages }: SamplingAnswer): string {
  const cell = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  const head = ['id', 'token', 'logit', 'p before', ...stages.map(({ name }) => name), 'removed by'];
  const lines = rows.map(({ id, text, logit, probability, after, removedBy }) => [
    id,
    cell(text),
    logit,
    probability,
    ...after.map((part) => part ?? ''),
    removedBy === undefined ? '' : stages[removedBy]!.name,
  ]);
  return [head, ...lines].map((line) => line.join(',')).join('\r\n');
}

export default defineView({
  id: 'sampling',
  title: 'Sampling',
  summary:
    'From logits to a token: what each filter removes, in the order you choose, and the draw itself with its seed, free or held to a JSON schema.',
  defaults,
  Component: Sampling,
});
