import type { Trace } from '../../engine/attention/trace.ts';
import { Select } from '../../ui/fields.tsx';
import type { Cell } from '../../ui/heatmap.tsx';
import { bytesText, Progress } from '../../ui/meter.tsx';
import type { ModelState } from './model.ts';
import { recordedText } from './recorded.ts';
import type { State } from './state.ts';
import { topKeys } from './steps.ts';

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

/** The text, where its numbers come from, its tokens, and what the model says next. */
export function TextPanel(props: {
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
