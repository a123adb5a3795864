/** The work every peer is given: data, the float64 reference it is checked against, and what it costs. */
import { trainingFlop, trainingShapes } from './gpt.mjs';
import { llamaError, llamaShapes, weightCount } from './llama.mjs';

/** A small generator of reproducible numbers in [0, 1) (mulberry32). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** About normal: the sum of four uniform numbers. */
export function randomArray(length, seed) {
  const next = generator(seed);
  return Float32Array.from({ length }, () => (next() + next() + next() + next() - 2) * 1.7);
}

/**
 * Works by suite. `matmul`: c [M, N] = a [M, K] · b [K, N], b constant. `attention`: causal, q [H, Lq, D],
 * k and v [Hkv, Lk, D], the queries at the end; `window` keys with the query's own, or all. `llama`: one token through
 * a whole model. `training`: forward, backward and Adam of a GPT. `peak` and `stream`: so many multiply-adds, so many bytes, and nothing else.
 */
export const suites = {
  matmul: [512, 1024].map((n) => ({ kind: 'matmul', M: n, N: n, K: n })),
  vector: [{ kind: 'matmul', M: 1, N: 2048, K: 2048 }],
  prefill: [8, 2].flatMap((Hkv) =>
    [1024, 2048].map((L) => ({ kind: 'attention', Lq: L, Lk: L, H: 8, Hkv, D: 64 })),
  ),
  window: [undefined, 256].map((window) => ({
    kind: 'attention',
    Lq: 4096,
    Lk: 4096,
    H: 8,
    Hkv: 8,
    D: 64,
    window,
  })),
  decode: [8, 2, 1].flatMap((Hkv) =>
    [4096, 16384].map((L) => ({ kind: 'attention', Lq: 1, Lk: L, H: 8, Hkv, D: 64 })),
  ),
  llama: llamaShapes,
  training: trainingShapes,
  limits: [
    { kind: 'peak', flop: 2 ** 28 },
    ...[16, 64, 448].map((mebibytes) => ({ kind: 'stream', bytes: mebibytes * 2 ** 20 })),
  ],
};

export function nameOf(work) {
  if (work.kind === 'matmul') return `matmul ${work.M} × ${work.K} × ${work.N}`;
  if (work.kind === 'llama') return `Llama ${work.name}, one token`;
  if (work.kind === 'training') return `training step, ${work.name}`;
  if (work.kind === 'peak') return '128-bit multiply-adds';
  if (work.kind === 'stream') return `reading ${work.bytes / 2 ** 20} MiB`;
  const { Lq, Lk, H, Hkv, D, window } = work;
  return `${Lq === 1 ? 'decode' : 'prefill'} ${Lk} H=${H} Hkv=${Hkv} D=${D}${window ? ` window ${window}` : ''}`;
}

export function dataOf(work) {
  if (work.kind === 'matmul')
    return { a: randomArray(work.M * work.K, 1), b: randomArray(work.K * work.N, 2) };
  if (work.kind !== 'attention') return {};
  const { H, Hkv, Lq, Lk, D } = work;
  return { q: randomArray(H * Lq * D, 1), k: randomArray(Hkv * Lk * D, 2), v: randomArray(Hkv * Lk * D, 3) };
}

/** Floating-point operations, counting only what the mask leaves; the same number for every peer. */
export function flopOf(work) {
  if (work.kind === 'matmul') return 2 * work.M * work.N * work.K;
  if (work.kind === 'training') return trainingFlop(work);
  if (work.kind !== 'attention') return work.flop ?? 0;
  const { H, Lq, Lk, D, window = Infinity } = work;
  let pairs = 0;
  for (let i = 0; i < Lq; i++) pairs += Math.min(window, Lk - Lq + i + 1);
  return 4 * H * D * pairs;
}

/** Bytes of weights or of keys and values, each counted once. */
export function bytesOf(work) {
  if (work.kind === 'matmul') return 4 * work.K * work.N;
  if (work.kind === 'llama') return 4 * weightCount(work);
  return work.kind === 'attention' ? 8 * work.Hkv * work.Lk * work.D : work.bytes;
}

/** Whether reading, not computing, is what the work is about. */
export function isStreaming(work) {
  if (work.kind === 'matmul') return work.M === 1;
  return work.kind === 'attention' ? work.Lq === 1 : !['peak', 'training'].includes(work.kind);
}

/** The largest error against float64 over a sample of the result (`[M, N]`, `[H, Lq, D]`, or some tokens' logits). */
export function errorOf(result, work, data) {
  if (work.kind === 'llama') return llamaError(result, work);
  return work.kind === 'matmul' ? matmulError(result, work, data) : attentionError(result, work, data);
}

function matmulError(result, { M, N, K }, { a, b }) {
  const next = generator(5);
  let error = 0;
  for (let sample = 0; sample < 300; sample++) {
    const [m, n] = [Math.floor(next() * M), Math.floor(next() * N)];
    let sum = 0;
    for (let k = 0; k < K; k++) sum += a[m * K + k] * b[k * N + n];
    error = worse(error, result[m * N + n] - sum);
  }
  return error;
}

function attentionError(result, { H, Hkv, Lq, Lk, D, window = Infinity }, { q, k, v }) {
  const next = generator(9);
  let error = 0;
  for (let sample = 0; sample < 48; sample++) {
    const h = Math.floor(next() * H);
    const i = sample < 3 ? Math.min(sample, Lq - 1) : sample === 3 ? Lq - 1 : Math.floor(next() * Lq);
    const kv = Math.floor((h * Hkv) / H);
    const last = Lk - Lq + i;
    const first = Math.max(0, last - window + 1);
    const scores = Array.from({ length: last - first + 1 }, (_, n) => {
      let dot = 0;
      for (let d = 0; d < D; d++) dot += q[(h * Lq + i) * D + d] * k[(kv * Lk + first + n) * D + d];
      return dot / Math.sqrt(D);
    });
    const max = Math.max(...scores);
    const weights = scores.map((s) => Math.exp(s - max));
    const total = weights.reduce((a, b) => a + b, 0);
    for (let d = 0; d < D; d++) {
      let y = 0;
      weights.forEach((w, n) => {
        y += (w / total) * v[(kv * Lk + first + n) * D + d];
      });
      error = worse(error, result[(h * Lq + i) * D + d] - y);
    }
  }
  return error;
}

function worse(error, difference) {
  return Number.isNaN(difference) ? Infinity : Math.max(error, Math.abs(difference));
}

/** `[A, B, C]` → `[B, A, C]` */
export function swapAxes(x, A, B, C) {
  const y = new Float32Array(x.length);
  for (let a = 0; a < A; a++)
    for (let b = 0; b < B; b++) y.set(x.subarray((a * B + b) * C, (a * B + b + 1) * C), (b * A + a) * C);
  return y;
}
