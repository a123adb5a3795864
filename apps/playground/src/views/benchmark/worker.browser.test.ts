import { variants } from '@headwise/attention-variants/registry';
import { builtInDevices, profiles, type Results } from 'benchmarks';
import { afterAll, expect, it } from 'vitest';
import type { Answer, Request } from './protocol.ts';

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
afterAll(() => worker.terminate());

/** Asks the worker and waits for an answer of a kind, passing on what comes before. */
function ask<Kind extends Answer['kind']>(
  request: Request,
  kind: Kind,
  onOther: (answer: Answer) => void = () => {},
): Promise<Extract<Answer, { kind: Kind }>> {
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || 'the worker failed to start'));
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.kind === kind) resolve(data as Extract<Answer, { kind: Kind }>);
      else onOther(data);
    };
    worker.postMessage(request);
  });
}

const [first, second] = Object.keys(variants) as [string, string];
const profile = {
  ...profiles.ci,
  suites: ['attention', 'model', 'device'] as const,
  limits: false,
  // every row ends by its most rounds, however long a round takes here
  budgetMs: Number.MAX_SAFE_INTEGER,
  longestCallMs: Number.MAX_SAFE_INTEGER,
  shape: { E: 16, H: 4, D: 4, layers: 2 },
  prefill: [8],
  decode: [12],
  model: { shape: { E: 16, H: 4, D: 4, layers: 2 }, hidden: 24, vocabulary: 16, prompt: 8 },
  minRounds: 3,
  maxRounds: 6,
};

it('runs the core of the suite in the page, on every device that works', async () => {
  const devices = builtInDevices.names.filter((name) => !/reference|headlessgl/.test(name)).reverse();
  const stages = new Set<string>();
  const { results } = await ask(
    { kind: 'run', profile, devices, variants: [first, second], visibility: 'visible' },
    'done',
    (answer) => {
      if (answer.kind === 'failed') throw new Error(answer.message);
      if (answer.kind === 'progress') stages.add(answer.progress.stage);
    },
  );
  expect([...stages]).toEqual(expect.arrayContaining(['limits', 'check', 'time']));
  expect(failures(results)).toEqual([]);
  const missing = results.devices
    .filter(({ unavailable }) => unavailable !== undefined)
    .map(({ name }) => name);
  expect(missing.filter((name) => ['gpujs:webasm', 'gpujs:cpu', 'wasm'].includes(name))).toEqual([]);
  for (const device of devices.filter((name) => !missing.includes(name))) {
    const rows = results.rows.filter((row) => row.device === device && row.suite === 'attention');
    expect(rows.length).toBeGreaterThan(0);
    const engine = device === 'wasm' ? 'relaxed-simd' : device.slice('gpujs:'.length);
    for (const row of rows) {
      expect(row.engine).toBe(engine);
      // calls as short as these may be over before a busy machine asks: that they ran is enough here
      if (row.status !== 'ok') expect(row.reason).toMatch(/^too short to time: \d+ calls/);
    }
    expect(rows.every(({ kv }) => kv!.allocatedBytes === kv!.formulaBytes + kv!.slotBytes)).toBe(true);
  }
  expect(results.machine.isolated).toBe(true);
});

it('stops when asked, with what it has', async () => {
  const long = { ...profile, maxRounds: Number.MAX_SAFE_INTEGER, target: -1 };
  const request = {
    kind: 'run',
    profile: long,
    devices: ['gpujs:cpu'],
    variants: [first],
    visibility: 'visible',
  } as const;
  const { results } = await ask(request, 'done', (answer) => {
    if (answer.kind === 'progress' && answer.progress.stage === 'time') worker.postMessage({ kind: 'stop' });
  });
  expect(results.partial).toBe(true);
});

it('answers an unknown variant in words', async () => {
  const request = {
    kind: 'run',
    profile,
    devices: ['gpujs:cpu'],
    variants: ['nope'],
    visibility: 'visible',
  } as const;
  const { message } = await ask(request, 'failed');
  expect(message).toMatch(/^unknown variant "nope"; known: /);
});

function failures(results: Results): string[] {
  return results.rows.flatMap(({ id, status, reason }) => (status === 'failed' ? [`${id}: ${reason}`] : []));
}
