import { describe, expect, it } from 'vitest';
import { createReference } from '../device/reference.ts';
import { scope } from '../scope.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { assertClose } from '../testing/close.ts';
import { seeded } from '../testing/seeded.ts';
import { expertLinear, expertLinearOp } from './expert-linear.ts';

const device = createReference();
const ids = (shape: number[], ...values: number[]) => tensor(device, Int32Array.from(values), shape);

describe('expertLinear', () => {
  it('takes each row through the matrix that its id names', async () => {
    // two experts of one number each: times 2, and times 10 plus 1
    const weight = tensor(device, [2, 10], [2, 1]);
    const bias = tensor(device, [0, 1], [2, 1]);
    const x = tensor(device, [3, 4], [2, 1, 1]);
    const y = expertLinear(x, weight, ids([2, 2], 0, 1, 1, 7), { experts: 2, bias });
    expect(y.shape).toEqual([2, 2, 1]);
    expect(Array.from(await y.data())).toEqual([6, 31, 41, 0]);
  });

  it.each([1, 3])('composed of other operations it is the same, with %i rows of x a token', async (rows) => {
    const inputs = {
      x: seeded(device, [4, rows, 5], 1),
      weight: seeded(device, [14, 5], 2),
      ids: ids([4, 3], 0, 6, 2, 2, 2, 2, -1, 5, 7, 1, 3, 4),
      bias: seeded(device, [7, 2], 3),
    };
    const composed = scope(() => expertLinearOp.lower!(inputs, { experts: 7 })[0] as Tensor);
    const { x, weight, ids: chosen, bias } = inputs;
    const want = expertLinear(x, weight, chosen, { experts: 7, bias });
    // a row of nobody has no bias either
    assertClose(await composed.data(), await want.data(), { atol: 1e-12, rtol: 1e-12 });
    const [, , o] = want.shape;
    expect(Array.from(await want.data()).slice(6 * o!, 7 * o!)).toEqual([0, 0]);
  });

  it.each([
    [4, 'experts must be a whole number ≥ 1 that divides the 14 rows of the weight, got 4'],
    [0, 'experts must be a whole number ≥ 1'],
    [1.5, 'experts must be a whole number ≥ 1'],
  ])('refuses %d experts of 14 rows', (experts, message) => {
    const call = () =>
      expertLinear(seeded(device, [1, 1, 5], 1), seeded(device, [14, 5], 2), ids([1, 1], 0), { experts });
    expect(call).toThrow(message);
  });

  it('refuses rows that are neither one nor as many as ids', () => {
    const x = seeded(device, [1, 2, 5], 1);
    const call = () => expertLinear(x, seeded(device, [14, 5], 2), ids([1, 3], 0, 1, 2), { experts: 7 });
    expect(call).toThrow('expertLinear');
  });
});
