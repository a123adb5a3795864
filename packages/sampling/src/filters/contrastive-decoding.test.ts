import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, normalRow, softmax } from '../testing/tools.ts';
import { contrastiveDecoding } from './contrastive-decoding.ts';

checkSampler(() => contrastiveDecoding({ alpha: 0.2 }));

it('is the expert’s log-probability less the amateur’s, where the expert finds the token plausible', () => {
  const row = normalRow(1, 60);
  const amateur = normalRow(2, 60);
  const p = softmax(row);
  const q = softmax(amateur.map((l) => l / 0.5));
  const edge = 0.1 * Math.max(...p);
  const want = p.flatMap((x, id) => (x >= edge ? [id] : []));
  const got = applyFilters(contrastiveDecoding({ amateurTemperature: 0.5 }), row, { amateur });
  expect(got.ids).toEqual(want);
  got.ids.forEach((id, i) => {
    expect(got.logits[i]).toBeCloseTo(Math.log(p[id]!) - Math.log(q[id]!), 5);
  });
});

it('counts a token the amateur excludes as its least likely one', () => {
  const amateur = Float32Array.of(-Infinity, 1, -2);
  const got = applyFilters(contrastiveDecoding(), [1, 1, 1], { amateur });
  expect(got.logits[0]).toBe(got.logits[2]);
  expect(got.logits[0]! - got.logits[1]!).toBeCloseTo(3, 12);
});

it('asks for the amateur', () => {
  expect(() => applyFilters(contrastiveDecoding(), [1, 2])).toThrow(
    'contrastive-decoding: needs amateur logits; let the step return { logits, amateur }, got undefined',
  );
  expect(() => contrastiveDecoding({ alpha: 0 })).toThrow(
    'contrastive-decoding: alpha must be a number in (0, 1], got 0',
  );
});
