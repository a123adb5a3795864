/// <reference lib="webworker" />
import { variants } from '@headwise/attention-variants/registry';
import { caches } from '@headwise/kv-cache/registry';
import { pageBytes, pageFacts, runBenchmark } from 'benchmarks';
import type { Answer, Request } from './protocol.ts';

/** Engines live here, so that a call of seconds does not freeze the page; one run, one worker. */
const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
const answer = (message: Answer): void => scope.postMessage(message);
let stop = new AbortController();

scope.addEventListener('message', ({ data }: MessageEvent<Request>) => {
  if (data.kind === 'stop') stop.abort();
  else void run(data);
});

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
    answer({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
}
