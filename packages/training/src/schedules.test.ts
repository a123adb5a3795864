import { expect, it } from 'vitest';
import { constant, cosineDecay, inverseSquareRoot, linearDecay, warmupStableDecay } from './schedules.ts';

it('the original Transformer: grows to the end of the warm-up, then falls with the root', () => {
  const rate = inverseSquareRoot({ E: 512, warmup: 4000 });
  // Vaswani et al. 2017, eq. 3 by hand
  expect(rate(1)).toBeCloseTo(512 ** -0.5 * 4000 ** -1.5, 12);
  expect(rate(4000)).toBeCloseTo(512 ** -0.5 * 4000 ** -0.5, 12);
  expect(rate(16_000)).toBeCloseTo(rate(4000) / 2, 12);
});

it('linear, cosine and warm-up, stable, decay: by hand at the ends and in the middle', () => {
  const options = { peak: 1, warmup: 10, steps: 110, floor: 0.2 };
  for (const make of [linearDecay, cosineDecay, warmupStableDecay]) {
    const rate = make(options);
    expect(rate(1)).toBeCloseTo(0.1, 12);
    expect(rate(10)).toBe(1);
    expect(rate(110)).toBeCloseTo(0.2, 12);
    expect(rate(500)).toBeCloseTo(0.2, 12);
  }
  expect(linearDecay(options)(60)).toBeCloseTo(0.6, 12);
  expect(cosineDecay(options)(60)).toBeCloseTo(0.6, 12);
  expect(cosineDecay(options)(35)).toBeCloseTo(0.2 + 0.8 * ((1 + Math.SQRT1_2) / 2), 12);
  const stable = warmupStableDecay({ ...options, decay: 0.5 });
  expect(stable(60)).toBeCloseTo(1, 12);
  expect(stable(85)).toBeCloseTo(0.6, 12);
  expect(constant(0.3)(7)).toBe(0.3);
});

it('refuses by name', () => {
  expect(() => linearDecay({ peak: 1, warmup: 5, steps: 5 })).toThrow(
    'linearDecay: warmup must be below steps 5',
  );
  expect(() => cosineDecay({ peak: -1, steps: 5 })).toThrow('cosineDecay: peak must be a finite number ≥ 0');
  expect(() => cosineDecay({ peak: 1, floor: 2, steps: 5 })).toThrow('floor must be at most peak 1');
  expect(() => warmupStableDecay({ peak: 1, steps: 5, decay: 0 })).toThrow('decay must be above 0');
  expect(() => inverseSquareRoot({ E: 0 })).toThrow('E must be a whole number ≥ 1');
  expect(() => constant(Number.NaN)).toThrow('constant: rate must be a finite number ≥ 0');
});
