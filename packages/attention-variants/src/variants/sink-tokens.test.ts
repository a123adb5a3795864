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

it('refuses to be a plain window', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 1 };
  expect(() => sinkTokens.check(shape, { ...sinkTokens.defaults, sinks: 0 })).toThrow(
    'sink-tokens: sinks must be a whole number ≥ 1 (a window without sinks is sliding-window), got 0',
  );
});
