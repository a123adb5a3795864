import { createDevice, createPositions, type Tensor } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { roundedAlibi } from './rounded-alibi.ts';

/** The last 4 of 12 heads at these positions, as torch 2.15.0 multiplies a bfloat16 by an int64. */
const positions = [3, 7, 257, 300];
const want = [
  [2.125, 4.9375, 181, 212],
  [1.0625, 2.46875, 90.5, 106],
  [0.53125, 1.234375, 45.25, 53],
  [0.265625, 0.6171875, 22.625, 26.5],
];

describe.each(['reference', 'wasm', 'gpujs:webasm'])('the rounded ALiBi on %s', (name) => {
  it('adds what bfloat16 leaves of slope times position, times the scale', async () => {
    const device = await createDevice(name);
    const alibi = roundedAlibi({ positions: 512, scale: 0.5 });
    const at = createPositions(device, [positions, [0, 1, 2, -1]]);
    const { bias } = alibi.bias(device, 12, 2, 4, 0, { keyPositions: at.tensor }) as { bias: Tensor };
    expect(bias.shape).toEqual([2, 12, 2, 4]);
    const all = Array.from(await bias.data());
    // both queries of the first text; a row may gain any constant
    const heads = want.flatMap((row) => [row, row].flat().map((value) => value / 2));
    assertClose(all.slice(8 * 8, 12 * 8), heads, { atol: 0, rtol: 0 });
    expect(all.slice(96, 100)).toEqual([0, 0.25, 0.5, 0]);
  });

  it('counts slots where positions are in order', async () => {
    const device = await createDevice(name);
    const { bias } = roundedAlibi({ positions: 8, scale: 1 }).bias(device, 2, 1, 3, 0) as { bias: Tensor };
    const slopes = [1 / 16, 1 / 256];
    expect(Array.from(await bias.data())).toEqual(slopes.flatMap((slope) => [0, slope, 2 * slope]));
  });
});
