import { createRandom } from '../random.ts';
import { type Results, type Row, SCHEMA, type VariantFacts } from '../results.ts';
import { type Sample, summarize } from '../statistics.ts';

/** Made-up variants for tests: how many key heads of 8, which window, and how many layers share a cache. */
interface Made {
  readonly name: string;
  readonly title: string;
  readonly heads: number;
  readonly window?: number;
  readonly sharing?: number;
}

const made: readonly Made[] = [
  { name: 'plain', title: 'Plain attention (PLA)', heads: 8 },
  { name: 'one-head', title: 'One-head attention (ONE)', heads: 1 },
  { name: 'grouped', title: 'Grouped attention (GRP)', heads: 2 },
  { name: 'windowed', title: 'Windowed attention (WIN)', heads: 8, window: 512 },
  { name: 'shared', title: 'Shared attention (SHA)', heads: 8, sharing: 2 },
];

export interface SampleOptions {
  /** Relative noise of a sample. */
  readonly noise?: number;
  readonly seed?: number;
  /** Multiplies every time: a slower machine, or slower code. */
  readonly slowdown?: number;
  /** Multiplies the times of a variant: its code alone became slower. */
  readonly worse?: Readonly<Record<string, number>>;
  /** Of every row. Default 12 in attention, 10 on devices. */
  readonly rounds?: number;
  readonly extra?: readonly Made[];
}

/** Results of a made-up machine with known costs, for tests of everything that reads results. */
export function sampleResults(options: SampleOptions = {}): Results {
  const { noise = 0.05, seed = 1, slowdown = 1, worse = {}, rounds, extra = [] } = options;
  const random = createRandom(seed);
  const variants = [...made, ...extra];
  const samples = (ms: number, n: number): Sample[] =>
    Array.from({ length: rounds ?? n }, (_, round) => ({
      round,
      ms: ms * slowdown * (1 + noise * (2 * random() - 1)),
    }));
  const rows = ['gpujs:webasm', 'gpujs:webgl2'].flatMap((device, d) =>
    ['prefill', 'decode'].flatMap((phase) =>
      [256, 512, 1024, 2048].flatMap((context) =>
        [...variants, { ...made[0]!, control: true }].map((variant) =>
          rowOf(variant, { device, emulated: d === 1, phase, context }, (ms, n) =>
            samples(ms * (worse[variant.name] ?? 1), n),
          ),
        ),
      ),
    ),
  );
  return {
    schema: SCHEMA,
    startedAt: '2026-01-02T03:04:05.000Z',
    seconds: 60,
    partial: false,
    profile: 'quick',
    seed,
    command: 'bench',
    machine: {
      cpu: 'Made-up CPU',
      cores: 2,
      system: 'linux x64',
      runtime: 'node 20.19.0',
      clockStepMs: 1e-4,
      loadAverage: [0.1, 0.2, 0.3],
      versions: { 'gpu.js': '2.24.1' },
    },
    devices: [
      {
        name: 'gpujs:webasm',
        engine: 'webasm',
        emulated: false,
        details: { threads: '1' },
        limits: { fma: limit(8), read: limit(4) },
      },
      {
        name: 'gpujs:webgl2',
        engine: 'webgl2',
        emulated: true,
        details: { adapter: 'SwiftShader' },
        limits: { fma: limit(2), read: limit(1) },
      },
    ],
    variants: variants.map(
      ({ name, title }, order): VariantFacts => ({
        name,
        title,
        summary: `${title} for tests.`,
        paper: 'Nobody 2026',
        order,
        baseline: order === 0,
        outside: false,
      }),
    ),
    rows: [...rows, ...deviceRows(samples)],
    states: variants.map((variant) => statesOf(variant)),
    memory: [],
  };
}

function limit(rate: number) {
  return { rate: summarize([rate, rate, rate]), samples: [rate, rate, rate] };
}

const WIDTH = 32;
const LAYERS = 4;

function layerElements({ heads, window = Infinity }: Made, context: number): number {
  return 2 * heads * WIDTH * Math.min(context, window);
}

function statesOf(variant: Made): Results['states'][number] {
  const { sharing = 1 } = variant;
  const stored = Math.ceil(LAYERS / sharing);
  return {
    subject: variant.name,
    curve: Object.fromEntries(
      [256, 1024, 4096, 16384, 65536, 131072].map((context) => [
        context,
        4 * stored * layerElements(variant, context),
      ]),
    ),
    context: 1024,
    layers: Array.from({ length: LAYERS }, (_, layer) => ({
      layer,
      kind: layer % sharing === 0 ? 'full' : 'shared',
      ...(layer % sharing !== 0 && { producer: layer - (layer % sharing) }),
      storedBytes: layer % sharing === 0 ? 4 * layerElements(variant, 1024) : 0,
      readBytes: 4 * layerElements(variant, 1024),
      parameters: 1000,
    })),
  };
}

function rowOf(
  variant: Made & { readonly control?: boolean },
  place: { device: string; emulated: boolean; phase: string; context: number },
  samples: (ms: number, n: number) => Sample[],
): Row {
  const { context, phase, device } = place;
  const elements = layerElements(variant, context);
  const queries = phase === 'decode' ? 1 : context / 2;
  const flops =
    queries * 4 * 8 * WIDTH * Math.min(context, variant.window ?? Infinity) + queries * 8 * 256 * 256;
  const ms = (flops / 2e6 + (queries * elements) / 4e6) * (place.emulated ? 8 : 1) + 0.05;
  const taken = samples(ms, 12);
  const group = `attention/${device}/equal-shape/${phase}/${context}/b1`;
  const bytes = (4 * elements * LAYERS) / (variant.sharing ?? 1);
  return {
    id: `${group}/${variant.name}${variant.control ? '/control' : ''}`,
    suite: 'attention',
    device,
    engine: device.slice(6),
    emulated: place.emulated,
    subject: variant.name,
    comparison: 'equal-shape',
    phase,
    context,
    batch: 1,
    shape: { E: 256, H: 8, D: WIDTH, layers: LAYERS },
    options: {},
    group,
    ...((variant.name !== made[0]!.name || variant.control) && { baseline: `${group}/${made[0]!.name}` }),
    ...(variant.control && { control: true as const }),
    status: 'ok',
    calls: 1,
    warmup: [ms * 10],
    samples: taken,
    summary: summarize(taken.map((sample) => sample.ms)),
    check: {
      passed: true,
      cases: ['prefill 65'],
      worst: 1e-7,
      worstAt: 'y[3]',
      tolerance: { atol: 1e-4, rtol: 1e-4 },
    },
    work: {
      tokens: queries,
      flops,
      attentionFlops: flops / 2,
      stateBytes: 4 * elements,
      weightBytes: 4 * 262144,
    },
    kv: { elementsPerToken: 10, formulaBytes: bytes, slotBytes: 0, allocatedBytes: bytes },
  };
}

function deviceRows(samples: (ms: number, n: number) => Sample[]): Row[] {
  return ['matrix product 256³', 'softmax 256 × 1024', 'decode step'].flatMap((work, i) =>
    ['gpujs:webasm', 'gpujs:webgl2'].map((device, d): Row => {
      const taken = samples((i + 1) * (d === 0 ? 4 : 9 + i * 3), 10);
      const group = `device/${work}`;
      return {
        id: `${group}/${device}`,
        suite: 'device',
        device,
        engine: device.slice(6),
        emulated: d === 1,
        subject: work,
        comparison: 'same-work',
        phase: 'run',
        context: 0,
        batch: 1,
        shape: {},
        options: {},
        group,
        ...(d === 1 && { baseline: `${group}/gpujs:webasm` }),
        status: 'ok',
        calls: 1,
        warmup: [],
        samples: taken,
        summary: summarize(taken.map((sample) => sample.ms)),
      };
    }),
  );
}
