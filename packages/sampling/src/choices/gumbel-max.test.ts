import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { chain, createReplay, createSampler } from '../index.ts';
import { gumbelMax } from './gumbel-max.ts';

checkSampler(gumbelMax);

it('gives the largest of the perturbed logits', () => {
  const uniforms = [0.5, 0.9, 0.1];
  const row = [1, 0.2, 2.5];
  const perturbed = row.map((l, i) => l - Math.log(-Math.log(uniforms[i]!)));
  const sampler = createSampler(chain(gumbelMax()), { random: createReplay(uniforms) });
  expect(sampler.sample(Float32Array.from(row))).toBe(perturbed.indexOf(Math.max(...perturbed)));
});

it('takes one number a candidate, and survives a zero', () => {
  const sampler = createSampler(chain(gumbelMax()), { random: createReplay([0, 0, 0, 0.5]) });
  expect(sampler.sample(Float32Array.of(1, -Infinity, 2, -1))).toBe(0);
  expect(sampler.sample(Float32Array.of(7))).toBe(0);
});
