import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { chain, createReplay, createSampler } from '../index.ts';
import { descending, softmax } from '../testing/tools.ts';
import { mirostat1 } from './mirostat-1.ts';
import type { MirostatState } from './mirostat-2.ts';

checkSampler(() => mirostat1({ tau: 3 }));

/** One step, written down from the paper. */
function naive(row: Float32Array, mu: number, m: number, u: number) {
  const order = descending(row);
  const p = softmax(order.map((id) => row[id]!));
  let products = 0;
  let squares = 0;
  for (let i = 0; i < Math.min(m - 1, p.length - 1); i++) {
    const t = Math.log((i + 2) / (i + 1));
    products += t * Math.log(p[i]! / p[i + 1]!);
    squares += t * t;
  }
  const s = products / squares;
  const k = ((s - 1) * 2 ** mu) / (1 - row.length ** -(s - 1));
  const top = p.slice(0, Math.max(1, Math.floor(k ** (1 / s))));
  const total = top.reduce((a, b) => a + b);
  let sum = 0;
  const rank = top.findIndex((x) => (sum += x / total) > u);
  return { id: order[rank]!, surprise: -Math.log2(top[rank]! / total), kept: top.length };
}

const zipf = (exponent: number, seed: number) =>
  Float32Array.from({ length: 400 }, (_, i) => -exponent * Math.log(((i * 7 + seed) % 400) + 1));

it('follows the paper, step by step', () => {
  const uniforms = [0.1, 0.6, 0.95, 0.3, 0.77, 0.01];
  const sampler = createSampler(chain(mirostat1({ tau: 4, eta: 0.3 })), { random: createReplay(uniforms) });
  let mu = 8;
  const kept = new Set<number>();
  uniforms.forEach((u, i) => {
    const row = zipf([1.2, 0.8, 1.5][i % 3]!, i);
    const want = naive(row, mu, 100, u);
    const { choice } = sampler.explain(row);
    mu -= 0.3 * (want.surprise - 4);
    const state = choice.state as MirostatState;
    expect(choice.id).toBe(want.id);
    expect(state.kept).toBe(want.kept);
    expect(state.mu).toBeCloseTo(mu, 9);
    kept.add(want.kept);
  });
  expect(kept.size).toBeGreaterThan(3);
});

it('holds the mean surprise at its target', () => {
  const sampler = createSampler(chain(mirostat1({ tau: 3, eta: 0.1 })), { seed: 2 });
  let sum = 0;
  for (let i = 0; i < 2000; i++)
    sum += (sampler.explain(zipf(1.1, i)).choice.state as MirostatState).surprise!;
  expect(sum / 2000).toBeCloseTo(3, 1);
});

it('keeps 2^μ of equally likely tokens, for which the estimate has no value', () => {
  const { choice } = createSampler(chain(mirostat1({ tau: 2 })), { seed: 1 }).explain(new Float32Array(1000));
  expect((choice.state as MirostatState).kept).toBe(16);
  expect((choice.state as MirostatState).surprise).toBe(4);
});

it('has no fixed distribution, and says so', () => {
  expect(() => createSampler(chain(mirostat1())).distribution(Float32Array.of(1, 2))).toThrow(
    'sampler: mirostat-1 has no fixed distribution: it changes with every token; end the chain in draw() instead',
  );
  expect(() => mirostat1({ m: 1 })).toThrow('mirostat-1: m must be a whole number ≥ 2, got 1');
});
