import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { OptionForm, Select } from '../../ui/fields.tsx';
import type { RuleChoice } from './model.ts';
import type { Stage, StagePicture } from './picture.ts';

/** The filters in their order: drag them, or move one by the arrow keys on its name. */
export function ChainEditor(props: {
  readonly stages: readonly Stage[];
  readonly filters: readonly RuleChoice[];
  /** What each did at this step, where it ran. */
  readonly did: readonly StagePicture[] | undefined;
  readonly onChange: (stages: readonly Stage[]) => void;
  readonly announce: (text: string) => void;
}) {
  const { stages, filters, did, onChange, announce } = props;
  const dragged = useSignal<number | undefined>(undefined);
  const over = useSignal<number | undefined>(undefined);
  const list = useRef<HTMLOListElement>(null);
  const move = (from: number, to: number): void => {
    if (to < 0 || to >= stages.length || from === to) return;
    const next = [...stages];
    const [moved] = next.splice(from, 1);
    next.splice(to, 0, moved!);
    onChange(next);
    announce(`${moved!.name} is now ${to + 1} of ${stages.length}`);
    // the name that was moved keeps the focus
    requestAnimationFrame(() => list.current?.querySelectorAll<HTMLElement>('.handle')[to]?.focus());
  };
  const change = (n: number, stage: Stage | undefined): void => {
    const next = [...stages];
    next.splice(n, 1, ...(stage ? [stage] : []));
    onChange(next);
  };
  return (
    <div class="stack">
      <ol class="chain" ref={list} aria-label="Filters in order">
        {stages.map((stage, n) => {
          const rule = filters.find(({ name }) => name === stage.name);
          const after = did?.[n];
          return (
            <li
              key={`${n} ${stage.name}`}
              class={over.value === n ? 'over' : ''}
              onDragOver={(event) => {
                event.preventDefault();
                over.value = n;
              }}
              onDrop={(event) => {
                event.preventDefault();
                if (dragged.value !== undefined) move(dragged.value, n);
                over.value = undefined;
              }}
            >
              <span
                class="grip"
                draggable
                aria-hidden="true"
                onDragStart={(event) => {
                  dragged.value = n;
                  event.dataTransfer?.setData('text/plain', stage.name);
                }}
                onDragEnd={() => {
                  dragged.value = undefined;
                  over.value = undefined;
                }}
              >
                ⠿
              </span>
              <button
                type="button"
                class="handle quiet"
                aria-label={`${stage.name}, ${n + 1} of ${stages.length}: move with the arrow keys`}
                title={rule?.formula}
                onKeyDown={(event) => {
                  const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
                  if (by === undefined) return;
                  event.preventDefault();
                  move(n, n + by);
                }}
              >
                {stage.name}
              </button>
              {rule && (
                <OptionForm
                  open
                  legend={`Options of ${stage.name}`}
                  defaults={rule.defaults}
                  choices={rule.choices}
                  values={stage.options}
                  onChange={(options) => change(n, { name: stage.name, options })}
                />
              )}
              <span>
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Move ${stage.name} up`}
                  disabled={n === 0}
                  onClick={() => move(n, n - 1)}
                >
                  ↑
                </button>
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Move ${stage.name} down`}
                  disabled={n === stages.length - 1}
                  onClick={() => move(n, n + 1)}
                >
                  ↓
                </button>
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Remove ${stage.name}`}
                  onClick={() => {
                    change(n, undefined);
                    announce(`${stage.name} removed`);
                  }}
                >
                  ✕
                </button>
              </span>
              {after && (
                <p class="did">
                  {after.removed.toLocaleString('en')} removed, {after.left.toLocaleString('en')} left,{' '}
                  {after.entropy.toFixed(2)} bits{after.note ? `; ${after.note}` : ''}
                </p>
              )}
            </li>
          );
        })}
      </ol>
      <Select
        label="Add a filter"
        value=""
        options={[
          { value: '', label: 'choose…' },
          ...filters.map(({ name, formula }) => ({ value: name, label: `${name}: ${formula}` })),
        ]}
        onChange={(name) => {
          if (name === '') return;
          onChange([...stages, { name, options: {} }]);
          announce(`${name} added as the last filter`);
        }}
      />
    </div>
  );
}
