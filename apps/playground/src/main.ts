import { variants } from '@headwise/attention-variants/registry';
import { formatDuration, parseResults, profiles, type RunProgress, styleSheet } from 'benchmarks';
import { choice, chosen, find } from './elements.ts';
import type { Answer, Probe, Request } from './protocol.ts';
import { showResults } from './results.ts';
import { readState, writeState } from './state.ts';

const form = find('setup', HTMLFormElement);
const run = find('run', HTMLButtonElement);
const stop = find('stop', HTMLButtonElement);
const profile = find('profile', HTMLSelectElement);
const message = find('message', HTMLParagraphElement);
const state = readState(location.hash);

document.head.prepend(Object.assign(document.createElement('style'), { textContent: styleSheet() }));

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const ask = (request: Request): void => worker.postMessage(request);

worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
  if (data.kind === 'probed') showDevices(data.probes);
  else if (data.kind === 'progress') showProgress(data.progress);
  else {
    setRunning(false);
    if (data.kind === 'failed') say(data.message);
    else void showResults(data.results, find('results', HTMLElement));
  }
});
worker.addEventListener('error', (event) => {
  const started = !find('progress', HTMLElement).hidden;
  if (started) setRunning(false);
  // a module that is not there gives no message; the console names it
  const why = event.message || 'a file of its worker is missing or does not compile; the console says which';
  say(`The benchmark could not be loaded: ${why}.`);
  if (run.disabled)
    find('devices', HTMLDivElement).replaceChildren('None: the benchmark could not be loaded.');
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const devices = chosen(form, 'device');
  const names = chosen(form, 'variant');
  if (devices.length === 0 || names.length === 0) {
    say(devices.length === 0 ? 'Choose at least one device.' : 'Choose at least one variant.');
    return;
  }
  history.replaceState(null, '', linkOf(devices, names));
  message.hidden = true;
  setRunning(true);
  const chosenProfile = profiles[profile.value as keyof typeof profiles];
  ask({
    kind: 'run',
    profile: chosenProfile,
    devices,
    variants: names,
    visibility: document.visibilityState,
  });
});

stop.addEventListener('click', () => {
  ask({ kind: 'stop' });
  stop.disabled = true;
  find('now', HTMLParagraphElement).textContent = 'Stopping after the call in hand…';
});

find('open', HTMLInputElement).addEventListener('change', async ({ target }) => {
  const [file] = (target as HTMLInputElement).files ?? [];
  if (!file) return;
  try {
    await showResults(parseResults(await file.text(), file.name), find('results', HTMLElement));
    message.hidden = true;
  } catch (error) {
    say((error as Error).message);
  }
});

for (const name of Object.keys(profiles)) profile.add(new Option(name, name, false, name === state.profile));
find('variants', HTMLDivElement).append(
  ...Object.values(variants).map(({ name, title, summary }) => {
    const checked = state.variants.length === 0 || state.variants.includes(name);
    return choice({ name: 'variant', value: name, label: title, note: summary, checked });
  }),
);
if (!globalThis.crossOriginIsolated) {
  const note = find('isolation', HTMLParagraphElement);
  note.textContent =
    'This page is not isolated (its server sends no COOP and COEP headers): WebAssembly runs on one thread, and the clock is coarse.';
  note.hidden = false;
}
ask({ kind: 'probe' });

function showDevices(probes: readonly Probe[]): void {
  const working = probes.filter(({ works }) => works);
  const list = probes.map(({ name, works, emulated, note }) => {
    const label = emulated ? `${name} (emulated: its times say nothing about a GPU)` : name;
    const wanted =
      state.devices.length === 0 ? !emulated && name !== 'gpujs:cpu' : state.devices.includes(name);
    return choice({ name: 'device', value: name, label, note, checked: works && wanted, disabled: !works });
  });
  find('devices', HTMLDivElement).replaceChildren(...list);
  run.disabled = working.length === 0;
}

function showProgress({ stage, label, done, leftMs }: RunProgress): void {
  const words = { limits: 'Limits', check: 'Checking', time: 'Timing', memory: 'Memory', train: 'training' }[
    stage
  ];
  const left = leftMs === undefined || stage !== 'time' ? '' : `, ${formatDuration(leftMs)} left`;
  find('bar', HTMLProgressElement).value = done;
  find('now', HTMLParagraphElement).textContent = `${words}${left}: ${label}`;
}

function setRunning(running: boolean): void {
  run.disabled = running;
  stop.disabled = !running;
  find('progress', HTMLElement).hidden = !running;
}

function say(text: string): void {
  message.textContent = text;
  message.hidden = false;
}

function linkOf(devices: readonly string[], names: readonly string[]): string {
  const all = names.length === Object.keys(variants).length;
  return writeState({ profile: profile.value, devices, variants: all ? [] : names });
}
