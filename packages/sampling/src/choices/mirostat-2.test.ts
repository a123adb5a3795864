import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { chain, createSampler } from '../index.ts';
import { normalRow } from '../testing/tools.ts';
import { type MirostatState, mirostat2 } from './mirostat-2.ts';

checkSampler(() => mirostat2({ tau: 3 }));

it('removes what is more surprising than μ, and moves μ towards the target', () => {
  const sampler = createSampler(chain(mirostat2({ tau: 1, eta: 0.5 })), { seed: 1 });
  const row = Float32Array.from([0.5, 0.25, 0.2, 0.05], Math.log); // 1, 2, 2.3, 4.3 bits
  const { choice } = sampler.explain(row);
  const state = choice.state as MirostatState;
  expect([...choice.removed]).toEqual([2, 3]);
  expect(state.kept).toBe(2);
  expect(state.mu).toBeCloseTo(2 - 0.5 * (state.surprise! - 1), 12);
});

it('keeps one token where all are too surprising', () => {
  const sampler = createSampler(chain(mirostat2({ tau: 0 })), { seed: 1 });
  const { choice } = sampler.explain(Float32Array.of(1, 1, 1));
  expect(choice.id).toBe(0);
  expect(choice.state).toEqual({ mu: 0, surprise: 0, kept: 1 });
});

it('holds the mean surprise at its target', () => {
  const sampler = createSampler(chain(mirostat2({ tau: 2.5, eta: 0.1 })), { seed: 2 });
  let sum = 0;
  for (let i = 0; i < 2000; i++) {
    sum += (sampler.explain(normalRow(i, 200, 2)).choice.state as MirostatState).surprise!;
  }
  expect(sum / 2000).toBeCloseTo(2.5, 1);
});

it('refuses a negative target', () => {
  expect(() => mirostat2({ tau: -1 })).toThrow('mirostat-2: tau must be a number in [0, ∞), got -1');
});
