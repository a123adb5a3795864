import { effect } from '@preact/signals';
import { render } from 'preact';
import { App } from './app.tsx';
import { createEngine } from './engine/engine.ts';
import { Router } from './router.ts';
import { followSystem } from './ui/theme.ts';
import { views } from './views.ts';

const router = new Router(views);
const engine = createEngine();
effect(() => {
  engine.wanted.value = router.device.value ?? 'auto';
});
followSystem();
void router.read();
render(<App router={router} engine={engine} />, document.getElementById('app')!);

// keeps the page for when there is no network; a page that is being worked on must not be kept
if (import.meta.env.PROD && 'serviceWorker' in navigator)
  addEventListener('load', () => void navigator.serviceWorker.register('sw.js').catch(() => {}));
