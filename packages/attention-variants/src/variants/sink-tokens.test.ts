import { expect, it } from 'vitest';
import golden from '../../golden/sink-tokens.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { sinkTokens } from './sink-tokens.ts';

checkVariant(sinkTokens, { golden, options: { sinks: 2, window: 3 } });

it('keeps the sinks beside the window', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 1 };
  const { kind, cap, sinks } = sinkTokens.kv(shape, { ...sinkTokens.defaults, sinks: 4, window: 16 }, 0);
  expect({ kind, cap, sinks }).toEqual({ kind: 'window', cap: 20, sinks: 4 });
});

it('counts the pairs of sinks that lie before the window, and no pair twice', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 1 };
  for (const [sinks, window] of [
    [4, 16],
    [1, 1],
    [3, 2],
    [20, 5],
  ] as const)
    for (const [Lq, Lk] of [
      [1, 100],
      [1, 17],
      [1, 3],
      [100, 100],
      [7, 30],
    ] as const) {
      let pairs = 0;
      for (let query = Lk - Lq; query < Lk; query++)
        for (let key = 0; key <= query; key++) if (query - key < window || key < sinks) pairs++;
      const cost = sinkTokens.cost(
        shape,
        { ...sinkTokens.defaults, sinks, window },
        { B: 2, Lq, Lk, layer: 0 },
      );
      // H heads, each a product of D with every key it sees and of a weight with every value
      expect(cost.attentionFlops).toBe(2 * 2 * pairs * 2 * (4 + 4));
    }
});

it('refuses to be a plain window', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 1 };
  expect(() => sinkTokens.check(shape, { ...sinkTokens.defaults, sinks: 0 })).toThrow(
    'sink-tokens: sinks must be a whole number ≥ 1 (a window without sinks is sliding-window), got 0',
  );
});
