import { describe, expect, it } from 'vitest';
import type { Op } from '../contracts/device.ts';
import { onEveryDevice } from '../testing/every-device.ts';
import { gradientCases } from '../testing/gradient-cases.ts';
import { checkGradients, compareGradients } from '../testing/gradients.ts';
import { opSamples } from '../testing/op-samples.ts';

describe('gradients equal central differences in float64', () => {
  for (const each of gradientCases) it(`${each.op}: ${each.name}`, () => checkGradients(each));
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
