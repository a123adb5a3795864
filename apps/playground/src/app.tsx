import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Engine } from './engine/engine.ts';
import type { Router } from './router.ts';
import { Boundary } from './ui/boundary.tsx';
import { Help, shortcuts } from './ui/help.tsx';
import { announce, LiveRegion, Note } from './ui/live.tsx';
import { ModelPicker, opened as openedModel } from './ui/model-picker.tsx';
import { setTheme, theme } from './ui/theme.ts';

/** The page around the views: menu, device, theme, keys, and what goes wrong. */
export function App({ router, engine }: { readonly router: Router; readonly engine: Engine }) {
  const help = useSignal(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (!shortcuts.value || isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const entry = router.views[Number(event.key) - 1];
      if (event.key === '?') help.value = !help.value;
      else if (event.key === 't') setTheme(theme.value === 'dark' ? 'light' : 'dark');
      else if (event.key === '/') document.querySelector<HTMLElement>('main textarea, main input')?.focus();
      else if (entry) location.hash = router.hrefOf(entry.id);
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <>
      {/* a link to a place would be a view's state */}
      <button
        type="button"
        class="skip"
        onClick={() => document.querySelector<HTMLElement>('main h1')?.focus()}
      >
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href={router.hrefOf(router.views[0]!.id)}>
          <Mark /> Headwise
        </a>
        <Menu router={router} />
        <span class="top-tools">
          <button
            type="button"
            class="quiet"
            aria-label={theme.value === 'dark' ? 'Light theme' : 'Dark theme'}
            title={theme.value === 'dark' ? 'Light theme' : 'Dark theme'}
            onClick={() => setTheme(theme.value === 'dark' ? 'light' : 'dark')}
          >
            <span aria-hidden="true">{theme.value === 'dark' ? '☀' : '☾'}</span>
          </button>
          <button
            type="button"
            class="quiet"
            aria-label="Keys"
            title="Keys"
            onClick={() => {
              help.value = true;
            }}
          >
            <span aria-hidden="true">?</span>
          </button>
        </span>
      </header>
      <main>
        {router.problems.value.length > 0 && (
          <Note
            text={router.problems.value.join(' ')}
            onClose={() => {
              router.problems.value = [];
            }}
          />
        )}
        {engine.status.value === 'broken' && (
          <Note
            kind="problem"
            text={`${engine.problem.value} Nothing is computed on this page until it is reloaded; what is marked as recorded was computed before.`}
          />
        )}
        <Current router={router} engine={engine} />
      </main>
      <Foot router={router} engine={engine} />
      <Help
        open={help.value}
        onClose={() => {
          help.value = false;
        }}
      />
      <LiveRegion />
    </>
  );
}

function Menu({ router }: { readonly router: Router }) {
  // the addresses follow the state of the views
  void router.current.value;
  return (
    <nav aria-label="Views">
      <ul>
        {router.views.map(({ id, title }) => (
          <li key={id}>
            <a
              href={router.hrefOf(id)}
              aria-current={id === router.id.value ? 'page' : undefined}
              // as it was left, not as it was when this was drawn
              onPointerDown={({ currentTarget }) => currentTarget.setAttribute('href', router.hrefOf(id))}
              onFocus={({ currentTarget }) => currentTarget.setAttribute('href', router.hrefOf(id))}
            >
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Current({ router, engine }: { readonly router: Router; readonly engine: Engine }) {
  const opened = router.current.value;
  if (router.failure.value) return <Note kind="problem" text={router.failure.value} />;
  if (!opened) return <p class="muted">Loading…</p>;
  const { view, state } = opened;
  return (
    <>
      <h1 tabIndex={-1}>{view.title}</h1>
      <p class="summary">{view.summary}</p>
      {/* another model is another page of numbers: nothing of the old one stays */}
      <Boundary key={`${view.id} ${openedModel.value?.name ?? ''}`}>
        <view.Component state={state} engine={engine} announce={announce} />
      </Boundary>
    </>
  );
}

/** Which device runs, what else can be chosen, and what is used instead of what. */
function Foot({ router, engine }: { readonly router: Router; readonly engine: Engine }) {
  const { name, details, fallback } = engine.device.value;
  const choices = useSignal<readonly string[]>([]);
  const wanted = router.device.value ?? 'auto';
  const names = [...new Set(['auto', ...choices.value, wanted])];
  const look = (): void => {
    if (choices.value.length > 0) return;
    void engine.ask<string[]>('devices.choices').then(
      (found) => {
        choices.value = found;
      },
      () => {},
    );
  };
  return (
    <footer>
      {fallback && <Note text={fallback} />}
      {/attention|cache|sampling/.test(router.id.value) && <ModelPicker engine={engine} />}
      <p class="foot-row">
        <label>
          Device{' '}
          <select
            value={wanted}
            onFocus={look}
            onPointerDown={look}
            onChange={({ currentTarget }) => {
              router.device.value = currentTarget.value === 'auto' ? undefined : currentTarget.value;
            }}
          >
            {names.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
        <span class="muted" data-device={name ?? ''}>
          {name ? `Computed by ${name}${details ? ` (${details})` : ''}.` : 'Nothing computed yet.'}
          {!globalThis.crossOriginIsolated &&
            ' This page is not isolated (its server sends no COOP and COEP headers): WebAssembly runs on one thread.'}{' '}
          Nothing you type leaves this page.
        </span>
      </p>
    </footer>
  );
}

function Mark() {
  const cells = ['0 0', '0 3', '3 3', '0 6', '3 6', '6 6'];
  return (
    <svg viewBox="0 0 8 8" width="18" height="18" aria-hidden="true">
      {cells.map((at) => (
        <rect key={at} width="2" height="2" transform={`translate(${at})`} />
      ))}
    </svg>
  );
}

function isTyping({ target }: KeyboardEvent): boolean {
  return (
    target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
  );
}
