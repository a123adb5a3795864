import { createReference, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { contrastiveLoss } from './losses.ts';
import { globalNorm } from './optimizers/rules.ts';
import { rowsOf } from './rows.ts';

it('contrastive: by hand for two pairs, and symmetric', async () => {
  const device = createReference();
  const a = tensor(device, [3, 0, 0, 2], [2, 2]);
  const b = tensor(device, [1, 1, 0, 5], [2, 2]);
  // cosines [[√½, 0], [√½, 1]] over τ = ½
  const s = [
    [2 * Math.SQRT1_2, 0],
    [2 * Math.SQRT1_2, 2],
  ] as const;
  const ce = (own: number, other: number): number => Math.log(Math.exp(own) + Math.exp(other)) - own;
  const rows = (ce(s[0][0], s[0][1]) + ce(s[1][1], s[1][0])) / 2;
  const columns = (ce(s[0][0], s[1][0]) + ce(s[1][1], s[0][1])) / 2;
  const loss = await contrastiveLoss(a, b, { temperature: 0.5 }).data();
  expect(loss[0]).toBeCloseTo((rows + columns) / 2, 6);
  const turned = await contrastiveLoss(b, a, { temperature: 0.5 }).data();
  expect(turned[0]).toBeCloseTo(loss[0]!, 6);
  const { buffers } = device.memory;
  contrastiveLoss(a, b).dispose();
  globalNorm({ a, b }).dispose();
  expect(device.memory.buffers, 'what it was computed with is freed').toBe(buffers);
  expect(() => contrastiveLoss(a, b, { temperature: 0 })).toThrow(
    'temperature must be a finite number > 0, got 0',
  );
});

it('rows of different lengths stand where they are, and nowhere beyond', () => {
  const device = createReference();
  const { ids, positions } = rowsOf(device, [[4, 5, 6], [7]]);
  expect(ids.shape).toEqual([2, 3]);
  expect([...positions.host]).toEqual([0, 1, 2, 0, -1, -1]);
  expect(() => rowsOf(device, [[1], []])).toThrow('training: batch must be rows of at least one token');
});
