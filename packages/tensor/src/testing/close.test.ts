import { expect, it } from 'vitest';
import { assertClose, difference, toleranceOf } from './close.ts';

it('scales a tolerance that is stated for float32 with the precision of the device', () => {
  const at = (dtype: 'f16' | 'f32' | 'f64', epsilon: number) =>
    toleranceOf({ precision: { dtype, epsilon } }, 2e-5, 1e-4);
  expect(at('f32', 2 ** -24)).toEqual({ atol: 2e-5, rtol: 1e-4 });
  expect(at('f16', 2 ** -11)).toEqual({ atol: 2e-5 * 2 ** 13, rtol: 1e-4 * 2 ** 13 });
  expect(at('f64', 2 ** -53)).toEqual({ atol: 2e-6, rtol: 2e-6 });
  expect(toleranceOf({ precision: { dtype: 'f64', epsilon: 2 ** -53 } }, 1e-7)).toEqual({
    atol: 1e-7,
    rtol: 1e-7,
  });
});

it('counts what lies outside, and names the worst', () => {
  const got = [1, 2, NaN, Infinity, 5];
  expect(difference(got, [1, 2.5, NaN, Infinity, 4])).toMatchObject({ outside: 2, index: 4, largest: 1 });
  expect(() => assertClose(got, [1, 2, NaN, -Infinity, 5])).toThrow(
    '1 of 5 values differ; the worst, [3]: got Infinity, want -Infinity',
  );
  expect(() => assertClose(got, [1])).toThrow('got 5 values, want 1');
});
