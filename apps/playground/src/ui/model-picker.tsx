import { type Signal, signal, useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { Engine } from '../engine/engine.ts';
import type { ModelFacts, ModelPlace } from '../engine/opened-model.ts';
import { announce } from './live.tsx';
import { bytesText, Progress } from './meter.tsx';
import './model-picker.css';

/** The model that views use in place of the shipped one. */
export const opened: Signal<ModelFacts | undefined> = signal(undefined);

/** A model of the visitor's own: dropped, chosen, or behind a URL. Files are read where they are. */
export function ModelPicker({ engine }: { readonly engine: Engine }) {
  const progress = useSignal<{ readonly loaded: number; readonly total: number } | undefined>(undefined);
  const control = useSignal<AbortController | undefined>(undefined);
  const problem = useSignal('');
  const url = useSignal('');
  const over = useSignal(false);
  const id = useId();
  const open = async (place: ModelPlace): Promise<void> => {
    control.value?.abort();
    const mine = new AbortController();
    control.value = mine;
    problem.value = '';
    progress.value = undefined;
    try {
      const facts = await engine.ask('model.open', place, {
        signal: mine.signal,
        onProgress: (now) => {
          progress.value = now;
        },
      });
      opened.value = facts;
      announce(`${facts.name} is open.`);
    } catch (error) {
      if (mine.signal.aborted) announce('Given up.');
      else {
        problem.value = (error as Error).message;
        announce('The model could not be opened.');
      }
    } finally {
      if (control.value === mine) control.value = undefined;
    }
  };
  const back = async (): Promise<void> => {
    await engine.ask('model.close', undefined);
    opened.value = undefined;
    announce('The model that lies beside this page is back.');
  };
  const facts = opened.value;
  const at = progress.value;
  return (
    <section class="model-picker" aria-label="Model">
      <p class="foot-row-plain">
        {facts
          ? `Your model: ${facts.name}, ${facts.family}, ${facts.layers} layers, ${facts.H} heads, ${facts.V.toLocaleString('en')} ids, ${facts.parameters.toLocaleString('en')} weights. `
          : 'Views that read a text use the small model that lies beside this page. '}
        {facts && (
          <button type="button" onClick={() => void back()}>
            Back to the shipped one
          </button>
        )}
      </p>
      <details>
        <summary>A model from your disk or a URL</summary>
        <fieldset
          class={`model-drop ${over.value ? 'over' : ''}`}
          onDragOver={(event) => {
            event.preventDefault();
            over.value = true;
          }}
          onDragLeave={() => {
            over.value = false;
          }}
          onDrop={(event) => {
            event.preventDefault();
            over.value = false;
            const files = [...(event.dataTransfer?.files ?? [])];
            if (files.length > 0) void open({ files });
          }}
        >
          <legend class="visually-hidden">Files or a URL</legend>
          <p class="muted" id={`${id}-note`}>
            Drop one .gguf file; or model.safetensors with config.json and tokenizer.json; or choose them.
            They are read on this device and not uploaded.
          </p>
          <div class="row">
            <div class="field">
              <label for={`${id}-files`}>Files</label>
              <input
                id={`${id}-files`}
                type="file"
                multiple
                aria-describedby={`${id}-note`}
                onChange={({ currentTarget }) => {
                  const files = [...(currentTarget.files ?? [])];
                  if (files.length > 0) void open({ files });
                  // the same files again are a change, too
                  currentTarget.value = '';
                }}
              />
            </div>
            <form
              class="row"
              onSubmit={(event) => {
                event.preventDefault();
                if (url.value !== '') void open({ url: url.value });
              }}
            >
              <div class="field">
                <label for={`${id}-url`}>URL of a file or a folder</label>
                <input
                  id={`${id}-url`}
                  type="url"
                  value={url.value}
                  onInput={({ currentTarget }) => {
                    url.value = currentTarget.value;
                  }}
                />
              </div>
              <button type="submit">Open</button>
            </form>
          </div>
          {control.value && (
            <Progress
              label={at ? `${bytesText(at.loaded)} of ${bytesText(at.total)}` : 'Reading what it is…'}
              done={at && at.loaded / at.total}
              onCancel={() => control.value?.abort()}
            />
          )}
          {problem.value && (
            <p class="wrong model-problem" role="alert">
              {problem.value}
            </p>
          )}
        </fieldset>
      </details>
    </section>
  );
}
