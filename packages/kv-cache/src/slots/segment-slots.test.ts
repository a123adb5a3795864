import { expect, it } from 'vitest';
import { OPEN, SegmentSlots } from './segment-slots.ts';

it('says until which query a token is seen when others come', () => {
  const slots = new SegmentSlots(8);
  const placed = slots.append(0, [false, true, false], true);
  const [, anchor, open] = placed.map(({ slot }) => slot);
  // the next anchor ends the segment; an anchor is seen for ever, and so is what no anchor closes
  expect(slots.untilAfter(open!, 3, [false, true])).toBe(4);
  expect(slots.untilAfter(open!, 3, [false, false])).toBe(OPEN);
  expect(slots.untilAfter(anchor!, 3, [true])).toBe(OPEN);
});
