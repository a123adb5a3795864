import { expect, it } from 'vitest';
import { axisOf, broadcastTo, moveAxis } from './axes.ts';

const x = { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };

it('counts axes from the end', () => {
  expect([axisOf(-1, 3, 0), axisOf(2, 3, 0), axisOf(undefined, 3, -1)]).toEqual([2, 2, 2]);
});

it('moves an axis there and back', () => {
  expect(moveAxis(x, 0, 1)).toEqual({ shape: [3, 2], data: Float32Array.of(1, 4, 2, 5, 3, 6) });
  const y = { shape: [2, 3, 4], data: Float32Array.from({ length: 24 }, (_, i) => i) };
  expect(moveAxis(moveAxis(y, 0, 2), 2, 0)).toEqual(y);
  expect(moveAxis(moveAxis(y, 2, 0), 0, 2)).toEqual(y);
});

it('repeats axes of one, and leading ones, as numpy does', () => {
  expect(broadcastTo({ shape: [3], data: Float32Array.of(1, 2, 3) }, [2, 3]).data).toEqual(
    Float32Array.of(1, 2, 3, 1, 2, 3),
  );
  expect(broadcastTo({ shape: [2, 1], data: Float32Array.of(1, 2) }, [2, 2]).data).toEqual(
    Float32Array.of(1, 1, 2, 2),
  );
  expect(() => broadcastTo(x, [2, 2])).toThrow('[2, 3] cannot be repeated to [2, 2]');
});
