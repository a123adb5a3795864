import { defineOp, run, type Tensor, tensor } from '@headwise/tensor';
import { now as machineNow, yieldToEvents } from '../clock.ts';
import type { Engine } from '../engines.ts';
import { messageOf } from '../errors.ts';
import { formatMs } from '../format.ts';
import type { Limit } from '../results.ts';
import { quantile, summarize } from '../statistics.ts';

const THREADS = 65_536;
const CHAINS = 8;
const STEPS = 256;
/** Numbers of the array that is streamed: 32 MiB, more than the caches of a core. */
const STREAMED = 2 ** 23;
const READERS = 4096;
const SAMPLES = 7;

/** Eight independent chains a thread, four numbers wide where the mode has lanes, nothing read from memory. */
const fmaSource = `function (x) {
  let a = x[this.thread.x % 4]; let b = a + 0.1; let c = a + 0.2; let d = a + 0.3;
  let e = a + 0.4; let f = a + 0.5; let g = a + 0.6; let h = a + 0.7;
  for (let i = 0; i < this.constants.steps; i++) {
    a = a * 0.999 + 0.001; b = b * 0.999 + 0.001; c = c * 0.999 + 0.001; d = d * 0.999 + 0.001;
    e = e * 0.999 + 0.001; f = f * 0.999 + 0.001; g = g * 0.999 + 0.001; h = h * 0.999 + 0.001;
  }
  return a + b + c + d + e + f + g + h;
}`;

/** A thread sums its share: numbers side by side, or `stride` apart so that neighbouring threads read neighbours. */
const readSource = (index: string): string => `function (x) {
  let s = 0; let t = 0; let u = 0; let v = 0;
  for (let i = 0; i < this.constants.share; i += 4) {
    s += x[${index.replaceAll('$', 'i')}]; t += x[${index.replaceAll('$', '(i + 1)')}];
    u += x[${index.replaceAll('$', '(i + 2)')}]; v += x[${index.replaceAll('$', '(i + 3)')}];
  }
  return s + t + u + v;
}`;

const forms = {
  blocked: readSource('this.thread.x * this.constants.share + $'),
  strided: readSource('$ * this.constants.readers + this.thread.x'),
} as const;

/** THREADS results, each of CHAINS · STEPS multiply-adds of numbers in registers. */
const fmaOp = defineOp<{ readonly x: Tensor }, object>({
  name: 'bench.fma',
  outputs: () => [{ shape: [THREADS], dtype: 'f32' }],
  reference: ({ x }) => [
    Float64Array.from({ length: THREADS }, (_, thread) => fmaChain(x.data[thread % 4]!)),
  ],
  gpujs: () => ({
    steps: [{ name: 'fma', source: fmaSource, args: ['x'], length: THREADS, constants: { steps: STEPS } }],
    outputs: ['fma'],
  }),
});

/** READERS sums over one array. */
const readOp = defineOp<{ readonly x: Tensor }, { readonly form: keyof typeof forms }>({
  name: 'bench.read',
  outputs: () => [{ shape: [READERS], dtype: 'f32' }],
  reference: ({ x }, { form }) => [sums(x.data, form)],
  gpujs: ({ x }, { form }) => ({
    steps: [
      {
        name: 'read',
        source: forms[form],
        args: ['x'],
        length: READERS,
        constants: { share: x.shape[0]! / READERS, readers: READERS },
      },
    ],
    outputs: ['read'],
  }),
});

/**
 * What the engine itself can do, measured in the same engine as the rows: multiply-adds in registers (GFLOP/s, multiply
 * and add counted as two) and reads of one large array (GB/s, the better of two orders). No row can beat both.
 */
export async function measureLimits(
  engine: Engine,
  now: () => number = machineNow,
): Promise<{ readonly fma: Limit; readonly read: Limit }> {
  return {
    fma: await attempt(() => measureFma(engine, now)),
    read: await attempt(() => measureRead(engine, now)),
  };
}

async function attempt(work: () => Promise<Limit>): Promise<Limit> {
  try {
    return await work();
  } catch (error) {
    return { samples: [], reason: messageOf(error) };
  }
}

async function measureFma({ device }: Engine, now: () => number): Promise<Limit> {
  const x = tensor(device, [0.1, 0.2, 0.3, 0.4], [4]);
  try {
    const flops = 2 * CHAINS * STEPS * THREADS;
    return limitOf(await times(device, now, () => run(fmaOp, { x }, {}) as Tensor[]), flops);
  } finally {
    x.dispose();
  }
}

async function measureRead({ device }: Engine, now: () => number): Promise<Limit> {
  const x = tensor(device, new Float32Array(STREAMED).fill(1), [STREAMED]);
  try {
    const limits: Limit[] = [];
    for (const form of ['blocked', 'strided'] as const)
      limits.push(
        limitOf(await times(device, now, () => run(readOp, { x }, { form }) as Tensor[]), 4 * STREAMED),
      );
    const median = ({ rate }: Limit): number => rate?.median ?? 0;
    return limits.reduce((best, limit) => (median(limit) > median(best) ? limit : best));
  } finally {
    x.dispose();
  }
}

/** Times of the work alone, and the median of a wait that has nothing to wait for, which is taken off each. */
interface Times {
  readonly ms: readonly number[];
  readonly waitMs: number;
}

async function times(
  device: Engine['device'],
  now: () => number,
  work: () => readonly Tensor<string, 'f32' | 'i32'>[],
): Promise<Times> {
  const taken: number[] = [];
  const waits: number[] = [];
  for (let sample = -1; sample < SAMPLES; sample++) {
    await yieldToEvents();
    const start = now();
    const results = work();
    await device.settled();
    const done = now();
    await device.settled();
    const wait = now() - done;
    for (const result of results) result.dispose();
    if (sample < 0) continue; // the first compiles
    taken.push(done - start);
    waits.push(wait);
  }
  const waitMs = quantile(waits, 0.5);
  return { ms: taken.map((each) => each - waitMs), waitMs };
}

function limitOf({ ms, waitMs }: Times, perCall: number): Limit {
  const [shortest, middle] = [Math.min(...ms), quantile(ms, 0.5)];
  if (middle <= waitMs || shortest <= 0) {
    const found = `work of ${formatMs(Math.max(0, middle))} (${formatMs(Math.max(0, shortest))} at the least) beside a wait of ${formatMs(waitMs)}`;
    return { samples: [], reason: `${found}: too little to measure; run it on a machine without other work` };
  }
  const samples = ms.map((each) => perCall / each / 1e6);
  return { rate: summarize(samples), samples };
}

function fmaChain(first: number): number {
  let sum = 0;
  for (let chain = 0; chain < CHAINS; chain++) {
    let value = first + chain * 0.1;
    for (let step = 0; step < STEPS; step++) value = value * 0.999 + 0.001;
    sum += value;
  }
  return sum;
}

function sums(data: Float64Array | Int32Array, form: keyof typeof forms): Float64Array {
  const share = data.length / READERS;
  return Float64Array.from({ length: READERS }, (_, reader) => {
    let sum = 0;
    for (let i = 0; i < share; i++)
      sum += data[form === 'blocked' ? reader * share + i : i * READERS + reader]!;
    return sum;
  });
}
