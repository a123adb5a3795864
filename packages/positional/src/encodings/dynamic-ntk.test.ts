import { createPositions, createReference, scope, type Tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/dynamic-ntk.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { dynamicNtk } from './dynamic-ntk.ts';

checkEncoding(dynamicNtk, { golden });

it('turns at the speeds that the facts give', () => {
  const { inverseFrequencies } = dynamicNtk({ factor: 2, originalLength: 2048 }).spectrum(8, 8192);
  expect([...inverseFrequencies]).toEqual(
    [1.0, 0.052275795857471025, 0.0027327588325319844, 0.00014285714285714287].map((f) =>
      expect.closeTo(f, 9),
    ),
  );
});

it('keeps the relative property of a growing sequence only when kept keys are turned again', async () => {
  const device = createReference();
  const encoding = dynamicNtk({ factor: 4, originalLength: 16 });
  const rule = encoding.dependsOnLength!;
  const [q, k] = [seeded<'B L H D'>(device, [1, 1, 1, 8], 1), seeded<'B L H D'>(device, [1, 1, 1, 8], 2)];
  const at = (position: number) => createPositions(device, [[position]]);
  // a key of position 3, kept since the sequence was 16 long; a query of position 63
  const kept = (await encoding.rotate(k, k, at(3))).k;
  const query = encoding.turn(q, at(63), 'q');
  const score = async (key: Tensor) => {
    const [a, b] = [await query.data(), await key.data()];
    return a.reduce((sum, value, d) => sum + value * b[d]!, 0);
  };
  const { q: both, k: fresh } = encoding.rotate(q, k, at(63), at(3));
  expect(await both.data()).toEqual(await query.data());
  const right = await score(fresh);
  expect(Math.abs((await score(kept)) - right)).toBeGreaterThan(0.01);
  expect(await score(rule.turnAgain(kept, at(3), 16, 64))).toBeCloseTo(right, 5);
  expect([rule.boundary, rule.regime(5), rule.regime(16), rule.regime(17)]).toEqual([16, 16, 16, 17]);
});

it('uploads the rows of a call only, once its angles change with every length', () => {
  const device = createReference();
  const encoding = dynamicNtk({ factor: 4, originalLength: 16 });
  const x = seeded<'B L H D'>(device, [1, 1, 1, 8], 1);
  for (let length = 17; length < 400; length++)
    scope(() => {
      encoding.rotate(x, x, createPositions(device, [[length - 1]]));
    });
  expect(device.memory.liveBytes).toBeLessThan(500);
  encoding.dispose();
  expect(device.memory.buffers).toBe(1);
});

it('can be fixed at a length, and then follows from the position alone', () => {
  const encoding = dynamicNtk({ factor: 2, originalLength: 2048, length: 8192 });
  expect(encoding.dependsOnLength).toBeUndefined();
  expect(encoding.spectrum(8, 5).inverseFrequencies[3]).toBeCloseTo(0.00014285714285714287, 12);
  expect(() => dynamicNtk({ factor: 2, originalLength: 8, length: 0.5 })).toThrow(
    'dynamic-ntk: length must be a whole number ≥ 1, got 0.5',
  );
  expect(() => dynamicNtk({ factor: 2, originalLength: 0 })).toThrow(
    'dynamic-ntk: originalLength must be a whole number ≥ 1, got 0',
  );
});

it.each([0, -1, Number.NaN, Infinity])('refuses the factor %d', (factor) => {
  expect(() => dynamicNtk({ factor, originalLength: 8 })).toThrow(
    `dynamic-ntk: factor must be a finite number > 0, got ${factor}`,
  );
});
