import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, normalRow, softmax } from '../testing/tools.ts';
import { classifierFreeGuidance } from './classifier-free-guidance.ts';

checkSampler(() => classifierFreeGuidance(2));

const row = normalRow(1, 40);
const unconditional = normalRow(2, 40);

it('goes from the unconditional distribution through the conditional and beyond', () => {
  const c = softmax(row).map(Math.log);
  const u = softmax(unconditional).map(Math.log);
  for (const g of [0, 1, 2.5]) {
    const got = applyFilters(classifierFreeGuidance(g), row, { unconditional }).logits;
    got.forEach((l, i) => {
      expect(l).toBeCloseTo(u[i]! + g * (c[i]! - u[i]!), 10);
    });
  }
});

it('takes a token the unconditional model excludes for its conditional value', () => {
  const got = applyFilters(classifierFreeGuidance(2), [0, 0], {
    unconditional: Float32Array.of(-Infinity, 0),
  });
  expect(got.logits[0]).toBeCloseTo(2 * Math.log(0.5), 12);
});

it('asks for the second row, of the same vocabulary', () => {
  expect(() => applyFilters(classifierFreeGuidance(2), row)).toThrow(
    'classifier-free-guidance: needs unconditional logits; let the step return { logits, unconditional }, got undefined',
  );
  expect(() => applyFilters(classifierFreeGuidance(2), row, { unconditional: new Float32Array(3) })).toThrow(
    'classifier-free-guidance: unconditional logits have 3 entries, the logits have 40',
  );
  expect(() =>
    applyFilters(classifierFreeGuidance(2), [1, 2], { unconditional: Float32Array.of(0, Number.NaN) }),
  ).toThrow('classifier-free-guidance: unconditional[1] is NaN');
});
