import { variants } from '@headwise/attention-variants/registry';
import { knownDevices } from '@headwise/tensor';
import { signal, useSignal } from '@preact/signals';
import { formatDuration, parseResults, profiles, type Results, type RunProgress } from 'benchmarks';
import { useEffect, useRef } from 'preact/hooks';
import { download } from '../../elements.ts';
import { Select } from '../../ui/fields.tsx';
import { Note } from '../../ui/live.tsx';
import { defineView, type ViewProps } from '../../view.ts';
import { askBrowser, type Hint, notes, readChoices, toggled, usualDevices } from './model.ts';
import type { Answer, Request } from './protocol.ts';
import type { Shown } from './results.ts';
import './view.css';

const defaults = { profile: 'quick', devices: '', variants: '' };

const known = {
  profiles: Object.keys(profiles),
  // the last of the list are the most like a GPU; the reference is for checks, and headlessgl for Node
  devices: knownDevices()
    .map(({ name }) => name)
    .filter((name) => !/reference|headlessgl/.test(name))
    .reverse(),
  variants: Object.keys(variants),
};

/** Results stay while the visitor looks at another view, and a run goes on. */
const run = signal<{ readonly worker: Worker; readonly stopping: boolean } | undefined>(undefined);
const progress = signal<RunProgress | undefined>(undefined);
const results = signal<Results | undefined>(undefined);
const other = signal<{ readonly name: string; readonly results: Results } | undefined>(undefined);
const shown = signal<Shown | undefined>(undefined);
const problem = signal('');

async function show(): Promise<void> {
  if (!results.value) return;
  try {
    const { shownOf, styles } = await import('./results.ts');
    if (!document.getElementById('report-styles'))
      document.head.append(
        Object.assign(document.createElement('style'), { id: 'report-styles', textContent: styles }),
      );
    shown.value = shownOf(results.value, other.value?.results);
  } catch (error) {
    problem.value = `The results cannot be shown: ${(error as Error).message}`;
  }
}

function Benchmark({ state, announce }: ViewProps<typeof defaults>) {
  const hints = useSignal<readonly Hint[]>([]);
  useEffect(() => {
    void askBrowser().then((found) => {
      hints.value = found;
    });
  }, []);
  const usual = usualDevices(known.devices, hints.value);
  const said = { profile: state.profile.value, devices: state.devices.value, variants: state.variants.value };
  const { choices, problems } = readChoices(said, known, usual);
  const stop = (): void => {
    run.value!.worker.postMessage({ kind: 'stop' } satisfies Request);
    run.value = { ...run.value!, stopping: true };
    announce('Stopping after the call in hand.');
  };
  const begin = (): void => {
    problem.value = '';
    other.value = undefined;
    const end = (text: string): void => {
      run.value?.worker.terminate();
      run.value = undefined;
      progress.value = undefined;
      announce(text);
    };
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'benchmark' });
    worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
      if (data.kind === 'progress') progress.value = data.progress;
      else if (data.kind === 'failed') {
        problem.value = data.message;
        end(`The benchmark ended: ${data.message}`);
      } else {
        results.value = data.results;
        end(
          data.results.partial
            ? 'The benchmark was stopped; what it has is shown.'
            : 'The benchmark is done.',
        );
        void show();
      }
    });
    worker.addEventListener('error', (event) => {
      // a module that is not there gives no message; the console names it
      const why =
        event.message || 'a file of its worker is missing or does not compile; the console says which';
      problem.value = `The benchmark could not be loaded: ${why}.`;
      end(problem.value);
    });
    const { devices, variants: names } = choices;
    const profile = profiles[choices.profile as keyof typeof profiles];
    const visibility = document.visibilityState;
    worker.postMessage({ kind: 'run', profile, devices, variants: names, visibility } satisfies Request);
    run.value = { worker, stopping: false };
    announce('The benchmark runs.');
  };
  return (
    <>
      {problems.length > 0 && <Note text={problems.join(' ')} />}
      <section class="panel" aria-label="What to measure">
        <Boxes
          legend="Devices"
          names={known.devices}
          chosen={choices.devices}
          noteOf={(name) => hints.value.find(({ device }) => device === name)?.note ?? notes[name] ?? ''}
          isMissing={(name) =>
            hints.value.some(({ device, missing }) => device === name && missing !== undefined)
          }
          onToggle={(name) => {
            state.devices.value = toggled(choices.devices, name, known.devices, usual);
          }}
        />
        <details>
          <summary>
            Variants: {choices.variants.length} of {known.variants.length}
          </summary>
          <Boxes
            legend="Variants"
            hidden
            names={known.variants}
            titleOf={(name) => variants[name as keyof typeof variants].title}
            chosen={choices.variants}
            noteOf={(name) => variants[name as keyof typeof variants].summary}
            onToggle={(name) => {
              state.variants.value = toggled(choices.variants, name, known.variants, known.variants);
            }}
          />
        </details>
        <div class="row">
          <Select
            label="Profile"
            value={choices.profile}
            options={known.profiles.map((name) => ({
              value: name,
              label: `${name}, about ${formatDuration(profiles[name as keyof typeof profiles].budgetMs)} of timing`,
            }))}
            onChange={(name) => {
              state.profile.value = name;
            }}
          />
          {/* one button: focus stays where it is when a run begins and when it ends */}
          <button
            type="button"
            class={run.value ? '' : 'primary'}
            aria-disabled={run.value?.stopping === true}
            onClick={() => {
              if (!run.value) begin();
              else if (!run.value.stopping) stop();
            }}
          >
            {run.value ? (run.value.stopping ? 'Stopping…' : 'Stop') : 'Run'}
          </button>
          <OpenButton
            label="Open results…"
            onOpen={(opened) => {
              results.value = opened;
              other.value = undefined;
              announce('The results are shown.');
            }}
          />
          {results.value && (
            <OpenButton
              label="Compare with…"
              onOpen={(opened, name) => {
                other.value = { name, results: opened };
                announce(`Compared with ${name}.`);
              }}
            />
          )}
        </div>
        <p class="muted">
          Plug in the power supply, and keep this page in front: hidden pages are slowed down.
          {!globalThis.crossOriginIsolated &&
            ' This page is not isolated (its server sends no COOP and COEP headers): WebAssembly runs on one thread, and the clock is coarse.'}
        </p>
        {run.value && <Going progress={progress.value} />}
      </section>
      {problem.value && <Note kind="problem" text={problem.value} />}
      <ResultsOf />
    </>
  );
}

function Boxes(props: {
  readonly legend: string;
  readonly hidden?: boolean;
  readonly names: readonly string[];
  readonly chosen: readonly string[];
  readonly titleOf?: (name: string) => string;
  readonly noteOf: (name: string) => string;
  readonly isMissing?: (name: string) => boolean;
  readonly onToggle: (name: string) => void;
}) {
  const { legend, hidden, names, chosen, titleOf = (name) => name, noteOf, isMissing, onToggle } = props;
  return (
    <fieldset>
      <legend class={hidden ? 'visually-hidden' : ''}>{legend}</legend>
      <div class="bench-choices">
        {names.map((name) => (
          <label key={name} class="bench-choice">
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              // a run of nothing is no run
              disabled={isMissing?.(name) === true || (chosen.length === 1 && chosen.includes(name))}
              onChange={() => onToggle(name)}
            />
            <span>{titleOf(name)}</span>
            <small>{noteOf(name)}</small>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A file of results, as the command line writes it. */
function OpenButton(props: {
  readonly label: string;
  readonly onOpen: (results: Results, name: string) => void;
}) {
  return (
    <label class="file-button">
      {props.label}
      <input
        type="file"
        class="visually-hidden"
        accept=".json,application/json"
        onChange={async ({ currentTarget }) => {
          const [file] = currentTarget.files ?? [];
          if (!file) return;
          problem.value = '';
          try {
            props.onOpen(parseResults(await file.text(), file.name), file.name);
            await show();
          } catch (error) {
            problem.value = (error as Error).message;
          }
          // the same file again is a change, too
          currentTarget.value = '';
        }}
      />
    </label>
  );
}

const stages = {
  limits: 'Limits',
  check: 'Checking',
  time: 'Timing',
  memory: 'Memory',
  train: 'Training',
} as const;

function Going({ progress: at }: { readonly progress: RunProgress | undefined }) {
  const left = at?.leftMs === undefined || at.stage !== 'time' ? '' : `, ${formatDuration(at.leftMs)} left`;
  const words = at ? `${stages[at.stage]}${left}: ${at.label}` : 'Loading the engines…';
  return (
    <div class="progress">
      <progress max={1} {...(at && { value: at.done })} aria-label="How much of this stage is done" />
      <span class="muted">{words}</span>
    </div>
  );
}

function ResultsOf() {
  const body = useRef<HTMLDivElement>(null);
  const changes = useRef<HTMLDivElement>(null);
  const now = shown.value;
  useEffect(() => {
    if (body.current) body.current.innerHTML = now?.html ?? '';
    if (changes.current) changes.current.innerHTML = now?.changes?.html ?? '';
  }, [now]);
  if (!now || !results.value) return null;
  const save = (path: string, type: string): void =>
    download(path, now.files.find((file) => file.path === path)!.text, type);
  const { machine, profile, startedAt, partial } = results.value;
  return (
    <section class="panel" aria-label="Results">
      <h2>{partial ? 'Findings so far (the run was stopped)' : 'Findings'}</h2>
      <p class="muted">
        {machine.cpu}, {machine.cores} cores, {machine.runtime}; {profile} profile,{' '}
        {startedAt.slice(0, 16).replace('T', ' ')} UTC.
      </p>
      <ol class="findings">
        {now.findings.map((finding) => (
          <li key={finding}>{finding}</li>
        ))}
      </ol>
      <p class="muted">{now.note}</p>
      <p class="row">
        <button type="button" onClick={() => save('results.json', 'application/json')}>
          Save the samples
        </button>
        <button type="button" onClick={() => save('report.html', 'text/html')}>
          Save the report
        </button>
      </p>
      {now.changes && (
        <>
          <h2>Against {other.value?.name}</h2>
          <ul>
            {now.changes.notes.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
          <div class="report" ref={changes} />
        </>
      )}
      <div class="report" ref={body} />
    </section>
  );
}

export default defineView({
  id: 'benchmark',
  title: 'Benchmark',
  summary:
    'The same suite as npm run bench, on your own device: every variant is checked against a float64 reference, then timed in turns with the others.',
  defaults,
  Component: Benchmark,
});
