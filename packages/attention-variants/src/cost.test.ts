import { type AttentionOptions, attentionWith, createReference, zeros } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { seenPairs } from './cost.ts';

/** Pairs that the operation itself does not hide. */
async function seen(Lq: number, Lk: number, { causal, ...parts }: AttentionOptions): Promise<number> {
  const device = createReference();
  const row = (L: number) => zeros(device, [1, L, 1, 1]);
  const { scores } = attentionWith(
    { q: row(Lq) as never, k: row(Lk) as never, v: row(Lk) as never },
    { ...parts, causal: causal ? { offset: Lk - Lq } : false },
    ['scores'],
  );
  const pairs = [...(await scores.data())].filter((score) => score > -Infinity).length;
  device.dispose();
  return pairs;
}

it('counts what the operation sees, whatever parts are declared together', async () => {
  const windows = [undefined, [3, 0], [2, 1], [Infinity, 2], [0, 0], [4, Infinity]] as const;
  const segments = [undefined, { length: 4, anchors: false }, { length: 3, anchors: true }];
  for (const [Lq, Lk] of [
    [1, 1],
    [1, 13],
    [5, 13],
    [13, 13],
  ] as const)
    for (const causal of [true, false])
      for (const prefix of causal ? [0, 1, 6] : [0])
        for (const window of windows)
          for (const sinkTokens of [0, 2, 5])
            for (const segment of segments) {
              // queries without an offset stand at the beginning
              if (!causal && Lq !== Lk && (window || segment)) continue;
              const parts = { causal, prefix, window, sinkTokens, segments: segment };
              expect([parts, seenPairs(Lq, Lk, parts)]).toEqual([parts, await seen(Lq, Lk, parts)]);
            }
});
