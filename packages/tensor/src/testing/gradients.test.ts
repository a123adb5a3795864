import { expect, it } from 'vitest';
import { stopGradient } from '../autodiff/grad.ts';
import { multiply } from '../ops/elementwise.ts';
import { concat, slice } from '../ops/slices.ts';
import { gradientCase } from './gradient-case.ts';
import { checkGradients } from './gradients.ts';

const SIZE = 1000;

/** x² with a gradient that forgets one number of x. */
const forgets = (n: number) =>
  gradientCase('multiply', `without number ${n}`, { x: [SIZE] }, ({ x }) => {
    const known = [slice(x!, 0, n), stopGradient(slice(x!, n, 1)), slice(x!, n + 1, SIZE - n - 1)];
    const all = known.reduce((a, b) => concat(a, b));
    return multiply(all, all);
  });

it('sees one wrong number of a thousand, wherever it is', async () => {
  for (const n of [1, 2, 3, 4, 5, 499, 998])
    await expect(checkGradients(forgets(n)), `number ${n}`).rejects.toThrow('the gradient of x');
});

it('says nothing of a right one', () =>
  checkGradients(gradientCase('multiply', 'x²', { x: [SIZE] }, ({ x }) => multiply(x!, x!))));
