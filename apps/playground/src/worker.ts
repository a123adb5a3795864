/// <reference lib="webworker" />
import { variants } from '@headwise/attention-variants/registry';
import { caches } from '@headwise/kv-cache/registry';
import { builtInDevices, isEmulated, pageBytes, pageFacts, runBenchmark } from 'benchmarks';
import type { Answer, Probe, Request } from './protocol.ts';

/** Engine and devices live here, so that a call of seconds does not freeze the page. */
const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
const answer = (message: Answer): void => scope.postMessage(message);
let stop = new AbortController();

scope.addEventListener('message', ({ data }: MessageEvent<Request>) => {
  if (data.kind === 'stop') stop.abort();
  else if (data.kind === 'probe') void probe();
  else void run(data);
});

async function probe(): Promise<void> {
  const probes: Probe[] = [];
  // the last of the list are the most like a GPU; the reference is for checks, and headlessgl for Node
  const names = [...builtInDevices.names].reverse().filter((name) => !/reference|headlessgl/.test(name));
  for (const name of names) {
    try {
      const device = await builtInDevices.create(name);
      const details = Object.entries(device.details).map((pair) => pair.join(' '));
      probes.push({ name, works: true, emulated: isEmulated(device), note: details.join(', ') });
      device.dispose();
    } catch (error) {
      probes.push({ name, works: false, emulated: false, note: wordsOf(error) });
    }
  }
  answer({ kind: 'probed', probes });
}

async function run({
  profile,
  devices,
  variants: names,
  visibility,
}: Request & { kind: 'run' }): Promise<void> {
  stop = new AbortController();
  try {
    const results = await runBenchmark({
      profile,
      devices,
      names,
      registry: variants,
      caches: Object.values(caches),
      machine: { ...pageFacts(), visibility },
      availableBytes: pageBytes(),
      command: 'playground',
      signal: stop.signal,
      onProgress: (progress) => answer({ kind: 'progress', progress }),
    });
    answer({ kind: 'done', results });
  } catch (error) {
    answer({ kind: 'failed', message: wordsOf(error) });
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
