import { useEffect } from 'preact/hooks';
import type { Trace } from '../../engine/attention/trace.ts';
import { OptionForm, Select } from '../../ui/fields.tsx';
import { readOptions, writeOptions } from '../option-link.ts';
import type { ModelState } from './model.ts';
import { recorded } from './recorded.ts';
import type { State } from './state.ts';

/** The two variants, what they are, where their weights come from, and their options. */
export function VariantPanel(props: {
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
