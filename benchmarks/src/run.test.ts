import { softmaxVariant } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import { DeviceError, type OpCall } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import type { Results, Row } from './results.ts';
import { runBenchmark } from './run.ts';
import { disguised, tinyProfile, tinyRun } from './testing/tiny.ts';
import { parseResults } from './validate.ts';
import { isTimed, ratioToBaseline } from './views.ts';

const [first, second, third] = Object.keys(variants) as [string, string, string];
const of = (results: Results, subject: string): Row[] =>
  results.rows.filter((row) => row.subject === subject && !row.control);

/** A variant nobody in the suite has heard of. */
const newcomer = softmaxVariant({
  name: 'newcomer',
  title: 'Newcomer attention (NEW)',
  summary: 'For tests.',
  paper: { title: 'None', authors: 'Nobody', year: 2026 },
  defaults: { Hkv: 1 as number | undefined },
  score: () => ({ causal: true }),
});

describe('runBenchmark', () => {
  it('times every variant of the registry in every place, and writes results that it can read', async () => {
    const results = await runBenchmark(tinyRun({ registry: { ...variants, newcomer }, names: undefined }));
    expect(results.rows.filter((row) => !isTimed(row)).map(({ id, reason }) => [id, reason])).toEqual([]);
    for (const name of [...Object.keys(variants), 'newcomer']) {
      const places = of(results, name).map(({ phase, context }) => `${phase} ${context}`);
      expect(places).toEqual(['prefill 4', 'prefill 8', 'decode 6', 'decode 8']);
    }
    expect(results.variants.at(-1)).toMatchObject({
      name: 'newcomer',
      title: 'Newcomer attention (NEW)',
      keeps: 'k [1, 4], v [1, 4]',
    });
    expect(results.rows.every(({ engine, check }) => engine === 'main' && check?.passed)).toBe(true);
    expect(parseResults(JSON.stringify(results), 'results.json')).toEqual(
      JSON.parse(JSON.stringify(results)),
    );
  });

  it('measures KV bytes that equal the formula in every row, and the ratios of the papers', async () => {
    const results = await runBenchmark(tinyRun({ names: undefined }));
    for (const { kv } of results.rows) expect(kv!.allocatedBytes).toBe(kv!.formulaBytes + kv!.slotBytes);
    const bytes = (name: string, context: number): number =>
      of(results, name).find((row) => row.phase === 'decode' && row.context === context)!.kv!.formulaBytes;
    const { H, layers } = tinyProfile.shape;
    for (const { name, variant } of Object.values(variants).map((one) => ({
      name: one.name,
      variant: one,
    }))) {
      const specs = Array.from({ length: layers }, (_, layer) =>
        variant.kv(tinyProfile.shape, variant.defaults as never, layer),
      );
      const stored = specs.filter(({ kind }) => kind !== 'shared');
      const heads = stored[0]!.rows.k?.[0];
      // what stands beside keys and values is no ratio of the papers
      if (Object.keys(stored[0]!.rows).length > 2) continue;
      if (stored[0]!.kind !== 'full' || heads === undefined || stored[0]!.rows.v?.[1] !== 4) continue;
      expect(bytes(name, 8) / bytes(first, 8)).toBe((heads / H) * (stored.length / layers));
    }
  });

  it('pairs every row with the baseline of its group, and times the baseline against itself', async () => {
    const results = await runBenchmark(tinyRun());
    const group = results.rows.filter(({ phase, context }) => phase === 'decode' && context === 6);
    expect(group.map(({ subject, control }) => [subject, control ?? false])).toEqual([
      [first, false],
      [second, false],
      [third, false],
      [first, true],
    ]);
    expect(group.map((row) => ratioToBaseline(results, row)?.n)).toEqual([undefined, 8, 8, 8]);
  });

  it('gives a wrong variant its failure in every row, and no time; the others go on', async () => {
    // one key head has the shape [1, L, 1, 4] here, so only variants with one are spoiled
    const results = await runBenchmark(
      tinyRun({
        deviceSource: disguised({
          main: {
            spoil: ({ op, inputs }, result) => {
              if (op.name === 'attention' && inputs.k!.shape[2] === 1 && inputs.q!.shape[1]! > 1)
                result[0]! += 0.5;
            },
          },
        }),
      }),
    );
    const red = of(results, second);
    expect(red).toHaveLength(4);
    for (const row of red) {
      expect(row).toMatchObject({ status: 'failed', samples: [], warmup: [] });
      expect(row.summary).toBeUndefined();
      expect(row.reason).toMatch(/^differs from the reference at prefill \d/);
    }
    expect(of(results, first).every(isTimed)).toBe(true);
  });

  it('calls what a device refuses unsupported, with its reasons, and not red', async () => {
    const refuse = ({ op, inputs }: OpCall): void => {
      if (op.name === 'attention' && inputs.k!.shape[2] === 1)
        throw new DeviceError('main', 'cannot run attention', ['one key head is too few']);
    };
    const deviceSource = disguised({ main: { before: refuse } });
    const results = await runBenchmark(tinyRun({ deviceSource }));
    expect(of(results, second)).toHaveLength(4);
    for (const row of of(results, second))
      expect(row).toMatchObject({ status: 'unsupported', reason: 'one key head is too few', samples: [] });
    expect(of(results, first).every(isTimed)).toBe(true);
  });

  it('keeps no sample of a row that breaks half-way: what it measured before may be wrong as well', async () => {
    let stage = '';
    let [calls, rounds] = [0, 0];
    const breaks = ({ op, inputs }: OpCall): void => {
      // two layers a call, two calls to warm up, then three rounds
      if (stage === 'time' && op.name === 'attention' && inputs.k!.shape[2] === 1 && ++calls > 2 * (2 + 3))
        throw new Error('lost its memory');
    };
    const results = await runBenchmark(
      tinyRun({
        deviceSource: disguised({ main: { before: breaks } }),
        onProgress: (progress) => {
          stage = progress.stage;
          if (/^decode 6 .*round 3$/.test(progress.label)) rounds = 3;
        },
      }),
    );
    expect(rounds).toBe(3);
    for (const row of of(results, second)) {
      expect(row).toMatchObject({ status: 'failed', reason: 'lost its memory', samples: [] });
      expect(row.summary).toBeUndefined();
    }
    expect(of(results, first).every(isTimed)).toBe(true);
  });

  it('gives no time to work that is not told from waiting for the device', async () => {
    const results = await runBenchmark(tinyRun({ clock: { now: () => 0, stepMs: 1e-4 } }));
    for (const row of results.rows) {
      expect(row).toMatchObject({ status: 'unsupported', samples: [] });
      expect(row.reason).toMatch(/^too short to time: \d+ calls are not told from waiting for the device/);
      expect(row.summary).toBeUndefined();
    }
  });

  it('fails rows whose engine is not the one that was asked for', async () => {
    const results = await runBenchmark(tinyRun({ deviceSource: disguised({ main: { ran: 'cpu' } }) }));
    expect(
      results.rows.every(
        ({ status, reason }) => status === 'failed' && reason === 'main was asked for, cpu ran',
      ),
    ).toBe(true);
  });

  it('says of a context that does not fit what it needs, and goes on with the rest', async () => {
    const profile = { ...tinyProfile, decode: [6, 100_000] };
    const results = await runBenchmark(tinyRun({ profile, availableBytes: 4_000_000 }));
    const rows = of(results, first).filter(({ phase }) => phase === 'decode');
    expect(rows.map(({ context, status }) => [context, status])).toEqual([
      [6, 'ok'],
      [100_000, 'does-not-fit'],
    ]);
    expect(rows[1]!.reason).toMatch(/^needs about 61\.0 MiB \(caches 12\.2 MiB\); 2\.67 MiB may be used$/);
  });

  it('does not begin a call that would take too long', async () => {
    const profile = { ...tinyProfile, prefill: [4, 60_000], longestCallMs: 1 };
    const results = await runBenchmark(tinyRun({ profile }));
    const long = of(results, first).find(({ context }) => context === 60_000)!;
    expect(long).toMatchObject({ status: 'too-slow', samples: [] });
    expect(long.reason).toMatch(
      /^one call is expected to take .+, this run allows 0 s \(--longest-call raises it\)$/,
    );
  });

  it('keeps what it has when it is interrupted', async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const results = await runBenchmark(
      tinyRun({
        signal: stop.signal,
        onProgress: ({ stage, label }) => {
          seen.push(`${stage} ${label}`);
          if (stage === 'time' && label.startsWith('decode 8')) stop.abort();
        },
      }),
    );
    expect(results.partial).toBe(true);
    expect(of(results, first).map(({ context, phase, status }) => [phase, context, status])).toEqual([
      ['prefill', 4, 'not-reached'],
      ['prefill', 8, 'not-reached'],
      ['decode', 6, 'ok'],
      ['decode', 8, 'not-reached'],
    ]);
    expect(of(results, first)[0]!.reason).toBe('the run was interrupted before');
    expect(seen.findIndex((line) => line.startsWith('time'))).toBeGreaterThan(
      seen.findLastIndex((line) => line.startsWith('check')),
    );
    expect(JSON.parse(JSON.stringify(results)).rows).toHaveLength(results.rows.length);
  });

  it('labels every row of a software GPU', async () => {
    const details = { adapter: 'SwiftShader' };
    const results = await runBenchmark(tinyRun({ deviceSource: disguised({ main: { details } }) }));
    expect(results.rows.every(({ emulated }) => emulated)).toBe(true);
    expect(results.devices[0]).toMatchObject({ name: 'main', emulated: true, details });
  });

  it('says of a shape that a variant refuses why', async () => {
    const profile = { ...tinyProfile, shape: { E: 9, H: 3, D: 3, layers: 2 } };
    const registry = { ...variants, newcomer: { ...newcomer, defaults: { Hkv: 2 } } };
    const results = await runBenchmark(tinyRun({ profile, registry, names: [first, 'newcomer'] }));
    expect(of(results, 'newcomer').every(({ status }) => status === 'unsupported')).toBe(true);
    expect(of(results, 'newcomer')[0]!.reason).toMatch(/H = 3/);
    expect(of(results, first).every(isTimed)).toBe(true);
  });
});

describe('the other suites', () => {
  it('time decoders at equal shape and at equal parameters, never mixed', async () => {
    const profile = { ...tinyProfile, suites: ['model'] as const };
    const results = await runBenchmark(tinyRun({ profile }));
    expect(results.rows.filter((row) => !isTimed(row))).toEqual([]);
    const parameters = (comparison: string): number[] =>
      results.rows.filter((row) => row.comparison === comparison).map((row) => row.parameters!);
    const unit = 3 * tinyProfile.model.shape.E * tinyProfile.model.shape.layers;
    const equal = parameters('equal-parameters');
    expect(Math.max(...equal) - Math.min(...equal)).toBeLessThanOrEqual(unit);
    expect(new Set(parameters('equal-shape')).size).toBeGreaterThan(1);
    for (const row of results.rows) {
      const baseline = results.rows.find(({ id }) => id === row.baseline);
      if (baseline) expect(baseline.comparison).toBe(row.comparison);
      expect(row.peakBytes).toBeGreaterThan(4 * row.parameters!);
    }
    // the same job twice in every group: what the suite calls different where nothing is
    const groups = new Set(results.rows.map(({ group }) => group));
    const controls = results.rows.filter(({ control }) => control);
    expect(new Set(controls.map(({ group }) => group))).toEqual(groups);
    for (const control of controls) {
      const twin = results.rows.find(({ id }) => id === control.baseline)!;
      expect(control).toMatchObject({
        subject: first,
        id: `${twin.id}/control`,
        parameters: twin.parameters,
      });
      expect(ratioToBaseline(results, control)).toMatchObject({ n: 8, median: 1 });
    }
  });

  it('time caches, and count their bytes', async () => {
    const profile = { ...tinyProfile, suites: ['cache'] as const };
    const results = await runBenchmark(tinyRun({ profile }));
    const timed = results.rows.filter(isTimed);
    expect(new Set(timed.map(({ phase }) => phase))).toEqual(new Set(['append', 'crop', 'reorder']));
    for (const { kv } of timed) expect(kv!.allocatedBytes).toBe(kv!.formulaBytes + kv!.slotBytes);
    expect(results.rows.filter(({ status }) => status === 'failed')).toEqual([]);
  });

  it('run the same work on every device', async () => {
    const profile = { ...tinyProfile, suites: ['device'] as const };
    const results = await runBenchmark(
      tinyRun({ profile, devices: ['main', 'other'], deviceSource: disguised({ main: {}, other: {} }) }),
    );
    expect(results.rows.filter((row) => !isTimed(row)).map(({ id, reason }) => [id, reason])).toEqual([]);
    expect(new Set(results.rows.map(({ device }) => device))).toEqual(new Set(['main', 'other']));
  });

  it('compute the memory of real models as published, and allocate it to the byte', async () => {
    const profile = { ...tinyProfile, suites: ['memory'] as const };
    const results = await runBenchmark(tinyRun({ profile }));
    const published = results.memory.filter(({ subject }) => subject === 'published');
    expect(published).toHaveLength(25);
    for (const row of published) {
      if (row.publishedBytesPerToken !== undefined)
        expect([row.config, 2 * row.elementsPerToken]).toEqual([row.config, row.publishedBytesPerToken]);
      expect(row.allocated!.allocatedBytes).toBe(row.allocated!.formulaBytes);
    }
    const mistral = published.find(({ config }) => config === 'Mistral-7B')!;
    expect(mistral.elements['131072']).toBe(mistral.elements['4096']);
  });
});
