/**
 * What the machine allows in WebAssembly: the same work as a peer's, with everything left out but its multiply-adds
 * (twelve independent chains in registers) or its reading (one pass over as many bytes, in as many threads).
 */
import { Worker } from 'node:worker_threads';
import { bytesOf, flopOf, isStreaming } from '../work.mjs';

const CHAINS = 12;
const chain = (line) => Array.from({ length: CHAINS }, (_, n) => line(n)).join(' ');
const source = `
export function peak(steps: i32, factor: f32, addend: f32): f32 {
  const x = f32x4.splat(factor), y = f32x4.splat(addend);
  ${chain((n) => `let a${n} = f32x4.splat(${n});`)}
  for (; steps > 0; steps--) { ${chain((n) => `a${n} = madd(a${n}, x, y);`)} }
  let sum = f32x4.splat(0);
  ${chain((n) => `sum = f32x4.add(sum, a${n});`)}
  return f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
}
// @ts-ignore: decorator
@inline function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}
export function stream(from: usize, end: usize): i32 {
  let a = i32x4.splat(0), b = a, c = a, d = a;
  for (; from < end; from += 128) {
    a = i32x4.add(a, i32x4.add(v128.load(from), v128.load(from, 16)));
    b = i32x4.add(b, i32x4.add(v128.load(from, 32), v128.load(from, 48)));
    c = i32x4.add(c, i32x4.add(v128.load(from, 64), v128.load(from, 80)));
    d = i32x4.add(d, i32x4.add(v128.load(from, 96), v128.load(from, 112)));
  }
  a = i32x4.add(i32x4.add(a, b), i32x4.add(c, d));
  return i32x4.extract_lane(a, 0) + i32x4.extract_lane(a, 1) + i32x4.extract_lane(a, 2) + i32x4.extract_lane(a, 3);
}`;

/** A thread that computes its share whenever the bell (0) rings, and counts itself done (1). */
const helper = `
const { workerData: { module, memory, bell, thread } } = require('node:worker_threads');
const kernels = new WebAssembly.Instance(module, { env: { memory, abort() {} } }).exports;
for (let heard = 0; ; ) {
  for (let looks = 0; Atomics.load(bell, 0) === heard; ) if (++looks > 1e6) Atomics.wait(bell, 0, heard);
  heard = Atomics.load(bell, 0);
  const at = 4 + 4 * thread;
  bell[at] = bell[at + 1] < 0 ? kernels.stream(bell[at + 2], bell[at + 3]) : kernels.peak(bell[at + 1], 0.5, 1);
  Atomics.add(bell, 1, 1);
}`;

export async function create({ simd, threads }) {
  const module = await WebAssembly.compile(await compile(simd));
  return {
    peak: (work) => limit(module, threads, work),
    stream: (work) => limit(module, threads, work),
    matmul: (work) => limit(module, threads, work),
    attention: (work) => limit(module, threads, work),
    llama: (work) => limit(module, threads, work),
  };
}

function limit(module, threads, work) {
  const streaming = isStreaming(work);
  const bytes = streaming ? Math.ceil(bytesOf(work) / threads / 128) * 128 * threads : 0;
  const pages = Math.ceil(bytes / 65536) + 1;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const kernels = new WebAssembly.Instance(module, { env: { memory, abort() {} } }).exports;
  const numbers = new Int32Array(memory.buffer, 65536, bytes / 4);
  for (let n = 0; n < numbers.length; n++) numbers[n] = n;
  const steps = Math.round(flopOf(work) / (8 * CHAINS) / threads);

  const bell = new Int32Array(new SharedArrayBuffer(256));
  const share = bytes / threads;
  for (let t = 0; t < threads; t++)
    bell.set([0, streaming ? -1 : steps, 65536 + t * share, 65536 + (t + 1) * share], 4 + 4 * t);
  const workers = Array.from({ length: threads - 1 }, (_, n) => {
    const worker = new Worker(helper, { eval: true, workerData: { module, memory, bell, thread: n + 1 } });
    worker.unref();
    return worker;
  });
  const results = [];
  return {
    run: async () => {
      Atomics.store(bell, 1, 0);
      Atomics.add(bell, 0, 1);
      Atomics.notify(bell, 0);
      results[0] = streaming ? kernels.stream(bell[6], bell[7]) : kernels.peak(steps, 0.5, 1);
      while (Atomics.load(bell, 1) < threads - 1);
    },
    error() {
      for (let t = 1; t < threads; t++) results[t] = streaming ? bell[4 + 4 * t] : results[0];
      // the chains a → a / 2 + 1 end at 2; the sum of 0 … n − 1 is known
      if (!streaming) return Math.abs(results[0] - 8 * CHAINS);
      const n = BigInt(numbers.length);
      const sum = results.reduce((total, part) => total + part, 0) | 0;
      return sum === Number(BigInt.asIntN(32, (n * (n - 1n)) / 2n)) ? 0 : Infinity;
    },
    dispose: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}

/** With the compiler that compiles the device's kernels. */
async function compile(simd) {
  const compiler = '../../../packages/device-wasm/node_modules/assemblyscript/dist/asc.js';
  const { default: asc } = await import(new URL(compiler, import.meta.url).href);
  let binary;
  const { error, stderr } = await asc.main(
    [
      ...[
        'limits.ts',
        '--outFile',
        'limits.wasm',
        '-O3',
        '--noAssert',
        '--runtime',
        'stub',
        '--importMemory',
      ],
      ...['--sharedMemory', '--maximumMemory', '65536', '--initialMemory', '1'],
      ...['--enable', 'simd', '--enable', 'threads'],
      ...(simd === 'relaxed' ? ['--enable', 'relaxed-simd'] : []),
    ],
    {
      readFile: (name) => (name === 'limits.ts' ? source : null),
      writeFile: (name, contents) => {
        if (name.endsWith('.wasm')) binary = contents;
      },
    },
  );
  if (error) throw new Error(stderr.toString());
  return binary;
}
