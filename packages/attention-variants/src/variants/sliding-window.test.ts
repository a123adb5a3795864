import { expect, it } from 'vitest';
import golden from '../../golden/sliding-window.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { slidingWindow } from './sliding-window.ts';

checkVariant(slidingWindow, { golden, options: { window: 4 } });

const shape = { E: 8, H: 2, D: 4, layers: 1 };

it('keeps as many tokens as a query sees, in either convention', () => {
  const cap = (convention: 'mistral' | 'attention-gym') =>
    slidingWindow.kv(shape, { ...slidingWindow.defaults, window: 16, convention }, 0).cap;
  expect([cap('mistral'), cap('attention-gym')]).toEqual([16, 17]);
});

it('costs a decode step the same at every length beyond the window', () => {
  const at = (Lk: number) =>
    slidingWindow.cost(shape, { ...slidingWindow.defaults, window: 16 }, { B: 1, Lq: 1, Lk, layer: 0 });
  expect(at(1000)).toEqual(at(16));
  expect(at(8).attentionFlops).toBeLessThan(at(16).attentionFlops);
});

it('refuses a window of 0', () => {
  expect(() => slidingWindow.check(shape, { ...slidingWindow.defaults, window: 0 })).toThrow(
    'sliding-window: window must be a whole number ≥ 1 (it counts the query itself, so 1 sees the query only), got 0',
  );
  expect(() =>
    slidingWindow.check(shape, { ...slidingWindow.defaults, convention: 'other' as 'mistral' }),
  ).toThrow('sliding-window: convention must be mistral or attention-gym, got "other"');
});
