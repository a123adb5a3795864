import {
  add,
  attention,
  checkpoint,
  crossEntropy,
  type Device,
  gather,
  gelu,
  layerNorm,
  linear,
  scope,
  type Tensor,
  tensor,
  valueAndGrad,
} from '@headwise/tensor';
import { assertClose, seeded, seededValues } from '@headwise/tensor/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWasm, type WasmDevice } from './device.ts';

const [V, E, H, F, T, B] = [64, 64, 4, 256, 64, 4];

interface Layer {
  readonly norm1: Tensor;
  readonly norm2: Tensor;
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly o: Tensor;
  readonly up: Tensor;
  readonly down: Tensor;
}

function parametersOf(device: Device, layers: number) {
  const one = (l: number): Layer => ({
    norm1: seeded(device, [E], l),
    norm2: seeded(device, [E], 20 + l),
    q: seeded(device, [E, E], 40 + l),
    k: seeded(device, [E, E], 60 + l),
    v: seeded(device, [E, E], 80 + l),
    o: seeded(device, [E, E], 100 + l),
    up: seeded(device, [F, E], 120 + l),
    down: seeded(device, [E, F], 140 + l),
  });
  const all = Array.from({ length: layers }, (_, l) => one(l));
  return { embed: seeded(device, [V, E], 200), layers: all, head: seeded(device, [V, E], 201) };
}

type Around = (run: (x: Tensor) => Tensor) => (x: Tensor) => Tensor;
type Parameters = ReturnType<typeof parametersOf>;

const WEIGHTS_OF_LAYER = 2 * E + 4 * E * E + 2 * E * F;
/** Numbers that the rules of a layer read, a token: both norms and their results, q k v, attention, up and its activation. */
const KEPT_OF_LAYER = 8 * E + 2 * F + H;

/** A GPT without biases, in groups of so many layers, each group by `around`. */
function lossOf(device: Device, group: number, around: Around) {
  const ids = (seed: number): Tensor<string, 'i32'> =>
    tensor(
      device,
      Int32Array.from(seededValues(B * T, seed), (x) => Math.floor(((x + 1) / 2) * V)),
      [B, T],
    );
  const [input, target] = [ids(1), ids(2)];
  const layer = (x: Tensor, p: Layer): Tensor =>
    scope(() => {
      const h = layerNorm(x, { weight: p.norm1 });
      const heads = (weight: Tensor): Tensor => linear(h, weight).reshape([B, T, H, E / H]);
      const y = attention({ q: heads(p.q), k: heads(p.k), v: heads(p.v) }, { causal: true });
      const mixed = add(x, linear(y.reshape([B, T, E]), p.o));
      return add(mixed, linear(gelu(linear(layerNorm(mixed, { weight: p.norm2 }), p.up)), p.down));
    });
  return (p: Parameters): Tensor => {
    let x: Tensor = gather(p.embed, input);
    for (let l = 0; l < p.layers.length; l += group) {
      const some = p.layers.slice(l, l + group);
      x = scope(() => around((given) => some.reduce<Tensor>((h, each) => layer(h, each), given))(x));
    }
    return crossEntropy(linear(x, p.head), target);
  };
}

let device: WasmDevice;
beforeAll(async () => {
  device = await createWasm({ threads: 1 });
});
afterAll(() => device?.dispose());

/** The most bytes of a step beyond its weights, and a gradient. */
async function stepOf(layers: number, group: number, around: Around) {
  const params = parametersOf(device, layers);
  const step = valueAndGrad(lossOf(device, group, around));
  const before = device.memory.liveBytes;
  device.resetPeak();
  const { grads } = step(params);
  const peak = device.memory.peakBytes - before;
  return { peak, gradient: (await grads.layers[0]!.q.data()) as Float32Array };
}

it('takes at most 1.2 times the weights and what the rules read', async () => {
  const layers = 6;
  const { peak } = await stepOf(layers, 1, (run) => run);
  const weights = 2 * V * E + layers * WEIGHTS_OF_LAYER;
  const kept = B * T * (layers * KEPT_OF_LAYER + E + 2 * V);
  // the gradients are as large as the weights, which are there already
  expect(peak).toBeLessThan(1.2 * 4 * (weights + kept));
});

it('keeps what grows with the root of the layers where groups of so many are computed again', async () => {
  const plain = await stepOf(16, 4, (run) => run);
  const again = await stepOf(16, 4, checkpoint);
  assertClose(again.gradient, plain.gradient, { atol: 0, rtol: 0 });
  const few = await stepOf(4, 2, checkpoint);
  const activations = ({ peak }: { readonly peak: number }, layers: number): number =>
    peak - 4 * (2 * V * E + layers * WEIGHTS_OF_LAYER);
  expect(activations(again, 16)).toBeLessThan(0.5 * activations(plain, 16));
  // four times the layers, about twice the activations
  expect(activations(again, 16)).toBeLessThan(2.2 * activations(few, 4));
});
