import { expect, it } from 'vitest';
import { studentDistribution, studentQuantile } from './student.ts';

// printed tables: 0.975 and 0.995
it.each([
  [1, 12.7062047, 63.6567412],
  [2, 4.3026527, 9.9248432],
  [5, 2.5705818, 4.032143],
  [10, 2.2281389, 3.1692727],
  [30, 2.0422725, 2.7499957],
  [1000, 1.9623391, 2.5807547],
])('quantiles with %i degrees of freedom', (df, half, wide) => {
  expect(studentQuantile(0.975, df)).toBeCloseTo(half, 5);
  expect(studentQuantile(0.995, df)).toBeCloseTo(wide, 5);
  expect(studentQuantile(0.025, df)).toBeCloseTo(-half, 5);
});

it('one degree of freedom is Cauchy, two have a closed form', () => {
  for (const t of [-3, -0.2, 0, 0.7, 11]) {
    expect(studentDistribution(t, 1)).toBeCloseTo(0.5 + Math.atan(t) / Math.PI, 12);
    expect(studentDistribution(t, 2)).toBeCloseTo(0.5 + t / (2 * Math.sqrt(2 + t * t)), 12);
  }
});

it('refuses what is no probability', () => {
  expect(() => studentQuantile(1, 3)).toThrow('0 < p < 1');
  expect(() => studentQuantile(0.5, 0)).toThrow('df ≥ 1');
});
