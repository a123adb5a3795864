import { expect, it } from 'vitest';
import { createReference } from '../device/reference.ts';
import { add, gelu } from '../ops/elementwise.ts';
import { linear } from '../ops/linear.ts';
import { reduce } from '../ops/reduce.ts';
import { scope } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import { assertClose } from '../testing/close.ts';
import { seeded } from '../testing/seeded.ts';
import { checkpoint } from './checkpoint.ts';
import { valueAndGrad } from './grad.ts';

const [N, E] = [400, 3];
/** Bytes of one activation `[N, E]`: weights are next to nothing here. */
const ACTIVATION = 4 * N * E;

/** Gradients of a deep stack whose layers are taken `group` at a time, and the most activations held at once. */
async function trained(layers: number, group: number) {
  const device = createReference();
  const weights = Array.from({ length: layers }, (_, layer) => seeded(device, [E, E], layer));
  const run = (x: Tensor, some: readonly Tensor[]): Tensor =>
    some.reduce((h, weight) => scope(() => add(h, gelu(linear(h, weight)))), x);
  const through = group > 1 ? checkpoint(run) : run;
  const loss = (p: readonly Tensor[], x: Tensor): Tensor => {
    let h = x;
    for (let from = 0; from < layers; from += group) h = through(h, p.slice(from, from + group));
    return reduce(h.reshape([h.size]), 'sum');
  };
  const x = seeded(device, [N, E], 99);
  device.resetPeak();
  const { grads } = valueAndGrad(loss)(weights, x);
  const held = device.memory.peakBytes / ACTIVATION;
  const values = await Promise.all(grads.map((gradient) => gradient.data()));
  return { held, values };
}

it('with a checkpoint around √layers of them, activations grow with √layers, and gradients are the same', async () => {
  const depths = [4, 16, 64];
  const plain = await Promise.all(depths.map((layers) => trained(layers, 1)));
  const kept = await Promise.all(depths.map((layers) => trained(layers, Math.sqrt(layers))));
  for (const [i, { values }] of kept.entries())
    for (const [layer, gradient] of values.entries())
      assertClose(gradient, plain[i]!.values[layer]!, { atol: 1e-12, rtol: 1e-12 });
  // one input a group, and what one group keeps: two a layer; a few more are on their way
  for (const [i, layers] of depths.entries()) {
    expect(plain[i]!.held).toBeGreaterThan(2 * layers);
    expect(kept[i]!.held).toBeLessThan(3 * Math.sqrt(layers) + 8);
  }
});
