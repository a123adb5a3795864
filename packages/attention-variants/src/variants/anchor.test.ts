import { expect, it } from 'vitest';
import golden from '../../golden/anchor.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { anchor, anchorUntil } from './anchor.ts';

checkVariant(anchor, { golden, options: { segments: 4 } });

it('hides a token behind the anchor that ends its segment, and never an anchor', () => {
  const always = 2 ** 24;
  expect([...anchorUntil([[0, 0, 1, 0, 1, 0]])]).toEqual([2, 2, always, 4, always, always]);
  expect([...anchorUntil([[true], [false]])]).toEqual([always, always]);
  expect(() => anchorUntil([[0, 1], [1]])).toThrow(
    'anchorUntil: anchors[1] must be 2 long like the first, got 1',
  );
});

it('costs less than seeing everything', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 1 };
  const at = (segments: number | 'state') =>
    anchor.cost(shape, { ...anchor.defaults, segments }, { B: 1, Lq: 1, Lk: 640, layer: 0 }).attentionFlops;
  expect(at(64) / at('state')).toBeCloseTo((64 + 9) / 640, 6);
});
