import { describe, expect, it } from 'vitest';
import type { Op } from '../contracts/device.ts';
import { attention } from '../ops/attention.ts';
import { onEveryDevice } from '../testing/every-device.ts';
import { gradientCases } from '../testing/gradient-cases.ts';
import { checkGradients, compareGradients } from '../testing/gradients.ts';
import { opSamples } from '../testing/op-samples.ts';
import { seeded } from '../testing/seeded.ts';

// one by one, all numbers of the large cases are most of a minute
const every = process.env.HEADWISE_LONG === '1';

describe('gradients equal central differences in float64', () => {
  for (const each of gradientCases) it(`${each.op}: ${each.name}`, () => checkGradients(each, { every }));
});

describe('gradients are equal', () => {
  onEveryDevice(
    (device) => {
      for (const each of gradientCases)
        it(`${each.op}: ${each.name}`, () => compareGradients(device(), each));
    },
    { only: ['wasm', 'gpujs:webasm'] },
  );
});

it('differentiates user code in attention, on the reference', () =>
  checkGradients({
    parameters: (device) => ({
      q: seeded(device, [1, 5, 2, 3], 1),
      k: seeded(device, [1, 7, 1, 3], 2),
      v: seeded(device, [1, 7, 1, 2], 3),
      slopes: seeded(device, [2], 4),
    }),
    run: (given) =>
      attention(given as never, {
        softcap: 2,
        modifiers: [
          {
            kind: 'score',
            source: 'function (s, b, h, q, k) { return s * s * 0.5 + Math.exp(s) * (h + 1); }',
          },
          { kind: 'mask', source: 'function (b, h, q, k) { return k % 3 === h ? 0 : 1; }' },
          { kind: 'score', source: 'function (s, b, h, q, k) { return s - c * q; }', constants: { c: 0.1 } },
        ],
      }),
  }));

/** Operations without a gradient of their own, each with the reason. */
const without: Readonly<Record<string, string>> = {
  argmax: 'an index',
  write: 'a change in place, refused',
  storeRows: 'a change in place, refused',
  crossEntropyGradient: 'differentiated through its composition',
};

it('has a case of every operation that gradients pass through', () => {
  const covered = new Set(gradientCases.map(({ op }) => op));
  for (const { op } of opSamples as readonly { op: Op }[])
    expect(covered.has(op.name) || op.name in without, op.name).toBe(true);
});
