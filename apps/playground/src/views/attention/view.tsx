import { useComputed, useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { Trace } from '../../engine/attention/trace.ts';
import { Choice } from '../../ui/fields.tsx';
import type { Cell } from '../../ui/heatmap.tsx';
import { Note } from '../../ui/live.tsx';
import type { ScaleName } from '../../ui/ramp.ts';
import { Tabs } from '../../ui/tabs.tsx';
import { defineView } from '../../view.ts';
import './attention.css';
import { Comparison } from './comparison.tsx';
import { Details } from './details.tsx';
import { HeadGrid } from './heads.tsx';
import { Keeps } from './keeps.tsx';
import { useModel, useWants } from './model.ts';
import { StepPanel } from './panel.tsx';
import { recorded } from './recorded.ts';
import {
  defaultCell,
  defaults,
  headsOf,
  optionsOf,
  type Props,
  pickHead,
  readHeads,
  readPin,
  titleOfPanel,
  unknownOf,
} from './state.ts';
import { type Panel, panelsOf, type StepName, steps } from './steps.ts';
import { TextPanel } from './text-panel.tsx';
import { Tracer } from './tracer.ts';
import { VariantPanel } from './variant-panel.tsx';

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
        <div class="attention-side">
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
          <Details trace={trace} step={step} head={shownHeads[0]!} active={active} />
        </div>
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
                    panelsOfHead(each, step, head, shownHeads[0]!).map((panel) => (
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
      </div>
      <Keeps traces={[trace, ...(other ? [other] : [])]} all={model.footprints.value} titleOf={titleOf} />
    </>
  );
}

/** The pictures of one of several heads: what belongs to the whole layer stands beside the first. */
function panelsOfHead(trace: Trace, step: StepName, head: number, first: number): readonly Panel[] {
  const panels = panelsOf(trace, step, Math.min(head, trace.H - 1));
  return step === 'output' && head !== first ? panels.slice(0, 1) : panels;
}

export default defineView({
  id: 'attention',
  title: 'Attention',
  summary:
    'A small trained model reads your text. Follow a token from its query to the keys it looks at, put two variants next to each other, and see what each keeps for the next token.',
  defaults,
  Component: AttentionView,
});
