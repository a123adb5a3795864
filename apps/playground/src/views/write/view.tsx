import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { download } from '../../elements.ts';
import { Check, NumberField, Select } from '../../ui/fields.tsx';
import { Note } from '../../ui/live.tsx';
import { Progress } from '../../ui/meter.tsx';
import { defineView, type ViewProps } from '../../view.ts';
import { type Costs, type Drawn, picturesOf } from './drawn.ts';
import { Editor } from './editor.tsx';
import { examples } from './examples.ts';
import type { Told, Verdict } from './judge.ts';
import { CostsOf, Laws, PictureOf, Verdicts } from './outcome.tsx';
import { judgeInSandbox } from './sandbox.ts';
import { pack, unpack } from './share.ts';
import { filesOf, readTyped, type Typed } from './written.ts';
import './view.css';

const defaults = {
  example: 'window',
  /** What was typed, packed; empty for the example as it is. */
  code: '',
  /** Seconds that one step may take. */
  deadline: 20,
};

/** What came out of a run. */
interface Outcome {
  readonly pictures: readonly Drawn[];
  readonly costs?: Costs | undefined;
  readonly laws: readonly (Told & { readonly kind: 'law' })[];
  readonly verdicts: readonly Verdict[];
  readonly ended: boolean;
}

const nothing: Outcome = { pictures: [], laws: [], verdicts: [], ended: false };

const exampleOf = (name: string): Typed => {
  const { score, mask, constants, causal, keep } = examples[name] ?? examples[defaults.example]!;
  return {
    name: `my-${Object.hasOwn(examples, name) ? name : defaults.example}`,
    score,
    mask,
    constants,
    causal,
    keep,
  };
};

const alike = (a: Typed, b: Typed): boolean =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());

function Write({ state, announce }: ViewProps<typeof defaults>) {
  const typed = useSignal<Typed>(exampleOf(state.example.peek()));
  /** The code came with the link: it is shown, and not run. */
  const foreign = useSignal(false);
  const problem = useSignal('');
  const outcome = useSignal<Outcome>(nothing);
  const step = useSignal<{ readonly label: string; readonly done: number } | undefined>(undefined);
  const running = useSignal<AbortController | undefined>(undefined);
  const written = useRef('');
  const read = useComputed(() => readTyped(typed.value));

  // what the address bar says, unless this view has just written it there
  useEffect(() => {
    const { value: code } = state.code;
    if (code === written.current && code !== '') return;
    written.current = code;
    outcome.value = nothing;
    problem.value = Object.hasOwn(examples, state.example.value)
      ? ''
      : `There is no example “${state.example.value}”; there are ${Object.keys(examples).join(', ')}.`;
    if (code === '') {
      typed.value = exampleOf(state.example.value);
      foreign.value = false;
      return;
    }
    unpack(code).then(
      (found) => {
        typed.value = found;
        foreign.value = true;
      },
      (error: Error) => {
        problem.value = error.message;
      },
    );
  }, [state.code.value, state.example.value]);
  useEffect(() => () => running.peek()?.abort(), []);

  // the picture of an example that nobody has touched: the page's own code, drawn at once
  const untouched = state.code.value === '' && alike(typed.value, exampleOf(state.example.value));
  const pictures =
    outcome.value.pictures.length > 0
      ? outcome.value.pictures
      : untouched
        ? picturesOf(read.value.written)
        : [];

  const change = (part: Partial<Typed>): void => {
    typed.value = { ...typed.value, ...part };
    outcome.value = nothing;
    running.value?.abort();
    const now = typed.value;
    if (alike(now, exampleOf(state.example.value))) {
      written.current = '';
      state.code.value = '';
      return;
    }
    void pack(now).then((code) => {
      if (typed.value !== now) return;
      written.current = code;
      state.code.value = code;
    });
  };
  const run = async (): Promise<void> => {
    if (running.value) return running.value.abort();
    const found = read.value.problems;
    if (found.length > 0) {
      announce(`Not run: ${found[0]!.problem}. ${found[0]!.cure}`);
      return;
    }
    const control = new AbortController();
    running.value = control;
    foreign.value = false;
    problem.value = '';
    outcome.value = nothing;
    step.value = { label: 'loading the engines', done: 0 };
    const hear = (told: Told): void => {
      const so = outcome.value;
      if (told.kind === 'step') step.value = told;
      else if (told.kind === 'picture') outcome.value = { ...so, pictures: [...so.pictures, told.drawn] };
      else if (told.kind === 'costs') outcome.value = { ...so, costs: told.costs };
      else if (told.kind === 'law') outcome.value = { ...so, laws: [...so.laws, told] };
      else if (told.kind === 'verdict') outcome.value = { ...so, verdicts: [...so.verdicts, told.verdict] };
      else if (told.kind === 'end') outcome.value = { ...so, ended: true };
    };
    try {
      const { default: program } = await import('virtual:sandbox-program');
      await judgeInSandbox(typed.value, {
        program,
        deadlineMs: state.deadline.value * 1000,
        signal: control.signal,
        onTold: hear,
      });
      const { laws, verdicts } = outcome.value;
      const broken = laws.filter((law) => law.problem !== undefined).length;
      const equal = verdicts.filter(({ status }) => status === 'equal').length;
      announce(
        `Done: ${laws.length - broken} of ${laws.length} laws hold, ${equal} devices equal the reference.`,
      );
    } catch (error) {
      if (control.signal.aborted) announce('Stopped.');
      else {
        problem.value = (error as Error).message;
        announce(problem.value);
      }
    } finally {
      running.value = undefined;
      step.value = undefined;
    }
  };
  const of = (field: 'score' | 'mask') => read.value.problems.filter((each) => each.field === field);
  const wrong = (field: string) => read.value.problems.find((each) => each.field === field);
  const { laws, verdicts, costs, ended } = outcome.value;
  return (
    <>
      {problem.value && <Note kind="problem" text={problem.value} />}
      {foreign.value && (
        <Note text="This code came with the link. Read it: nothing of it runs until you press Run, and then in a worker without network." />
      )}
      <div class="write-columns">
        <section class="panel" aria-label="Your variant">
          <h2 class="visually-hidden">Your variant</h2>
          <div class="row">
            <Select
              label="Begin with"
              value={state.example.value}
              options={Object.entries(examples).map(([value, { title }]) => ({ value, label: title }))}
              note={examples[state.example.value]?.note}
              onChange={(name) => {
                written.current = '';
                state.code.value = '';
                state.example.value = name;
              }}
            />
            <TextField
              label="Name"
              value={typed.value.name}
              wrong={wrong('name')}
              onChange={(name) => change({ name })}
            />
          </div>
          <Editor
            label="Score modifier"
            note="The new score of query position q and key position k, from the score s, in sequence b and head h. Empty for none."
            text={typed.value.score}
            problems={of('score')}
            onChange={(score) => change({ score })}
            onRun={() => void run()}
          />
          <Editor
            label="Mask modifier"
            note="1 where query position q may see key position k, 0 where not. Empty for none."
            text={typed.value.mask}
            problems={of('mask')}
            onChange={(mask) => change({ mask })}
            onRun={() => void run()}
          />
          <div class="row">
            <TextField
              label="Constants"
              value={typed.value.constants}
              placeholder="W=4, slope=0.5"
              wrong={wrong('constants')}
              onChange={(constants) => change({ constants })}
            />
            <NumberField
              label="Keep"
              value={typed.value.keep}
              min={0}
              step={1}
              unit="tokens, 0 for all"
              onChange={(keep) => change({ keep })}
            />
            <Check
              label="causal as well"
              checked={typed.value.causal}
              onChange={(causal) => change({ causal })}
            />
          </div>
          <p class="row">
            {/* one button: focus stays where it is when a run begins and when it ends */}
            <button type="button" class={running.value ? '' : 'primary'} onClick={() => void run()}>
              {running.value ? 'Stop' : 'Run'}
            </button>
            <span class="muted">Ctrl or ⌘ with Enter runs, too.</span>
          </p>
          {step.value && <Progress label={step.value.label} done={step.value.done} />}
          <Downloads typed={typed.value} isGood={read.value.problems.length === 0} />
          <p class="muted">
            It runs in a worker without network, {state.deadline.value} seconds a step at most. The link in
            the address bar holds what you typed; whoever opens it reads it first.
          </p>
        </section>
        <section class="panel" aria-label="What it looks like">
          <h2 class="visually-hidden">What it looks like</h2>
          {pictures.length === 0 && <p class="muted">Run it to see its picture, its laws and its cost.</p>}
          {pictures.map((drawn) => (
            <PictureOf key={drawn.of} drawn={drawn} name={typed.value.name} />
          ))}
        </section>
      </div>
      {(costs || laws.length > 0) && (
        <section class="panel" aria-label="What came out" data-ended={ended}>
          <h2 class="visually-hidden">What came out</h2>
          {verdicts.length > 0 && <Verdicts verdicts={verdicts} />}
          <div class="columns">
            {laws.length > 0 && <Laws said={laws} />}
            {costs && <CostsOf costs={costs} keep={typed.value.keep} />}
          </div>
        </section>
      )}
    </>
  );
}

function TextField(props: {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly wrong: { readonly problem: string; readonly cure: string } | undefined;
  readonly onChange: (value: string) => void;
}) {
  const { label, value, placeholder, wrong, onChange } = props;
  const id = `write-${label.toLowerCase()}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        value={value}
        placeholder={placeholder}
        spellcheck={false}
        autocomplete="off"
        aria-invalid={wrong !== undefined}
        aria-describedby={wrong ? `${id}-wrong` : undefined}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
      {wrong && (
        <span id={`${id}-wrong`} class="wrong" role="alert">
          {wrong.problem}. {wrong.cure}
        </span>
      )}
    </div>
  );
}

/** The file of the variant and its test, as the command line writes them. */
function Downloads({ typed, isGood }: { readonly typed: Typed; readonly isGood: boolean }) {
  const save = (n: number): void => {
    const file = filesOf(typed.name, readTyped(typed).written)[n]!;
    download(file.path, file.text, 'text/plain');
  };
  return (
    <p class="exports">
      <span class="muted">{isGood ? 'Take it along' : 'To take it along, mend what is marked'}</span>
      <button type="button" class="quiet" aria-disabled={!isGood} onClick={() => isGood && save(0)}>
        {typed.name}.ts
      </button>
      <button type="button" class="quiet" aria-disabled={!isGood} onClick={() => isGood && save(1)}>
        {typed.name}.test.ts
      </button>
    </p>
  );
}

export default defineView({
  id: 'write',
  title: 'Write your own',
  summary:
    'A score and a mask of your own, on every device at once: see them, have them checked against a float64 reference, count what they cost, and take them along as a variant.',
  defaults,
  Component: Write,
});
