import { configure, multiHead } from '@headwise/attention-variants';
import {
  block,
  createDecoder,
  createGeluMlp,
  createLayerNorm,
  decoderParameters,
  learnedPositions,
  randomWeights,
} from '@headwise/models';
import { createDevice, valueAndGrad } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { languageModelLoss } from './losses.ts';
import { adam } from './optimizers/rules.ts';
import { OptimizerState } from './optimizers/state.ts';

/**
 * What the way back of one block reads: `[N, E]` eight times, `[N, F]` twice, and the log-sum-exp of each head; and the
 * logits, beside which their gradient stands when the way back begins.
 */
const keptOf = ({ E, F, H, V, layers }: Record<'E' | 'F' | 'H' | 'V' | 'layers', number>): number =>
  layers * (8 * E + 2 * F + H) + 2 * E + 2 * V;

it.each([
  { V: 61, E: 32, H: 4, F: 128, layers: 3, T: 40, B: 4 },
  { V: 61, E: 64, H: 4, F: 256, layers: 6, T: 24, B: 1 },
  { V: 300, E: 32, H: 2, F: 64, layers: 1, T: 64, B: 8 },
])('a step holds four times the weights and the activations of its formula: %o', async (sizes) => {
  const { V, E, H, F, layers, T, B } = sizes;
  const device = await createDevice('wasm');
  const parts = {
    shape: { V, E, H, D: E / H, layers, biases: ['q', 'k', 'v', 'o'] },
    blocks: block({ attention: configure(multiHead), norm: createLayerNorm(), mlp: createGeluMlp({ F }) }),
    position: learnedPositions({ rows: T }),
    norm: createLayerNorm(),
  };
  const params = randomWeights(device, decoderParameters(parts));
  const both = valueAndGrad(languageModelLoss(createDecoder({ ...parts, device, weights: params })));
  using state = new OptimizerState(adam(), params);
  const rows = Array.from({ length: B }, (_, b) => Array.from({ length: T }, (_, t) => (t * t + b) % V));
  const step = (): void => {
    const { value, grads } = both(params, { ids: rows, targets: rows });
    state.apply(grads, 1e-3);
    for (const made of [value, ...Object.values(grads)]) made.dispose();
  };
  step();
  device.resetPeak();
  step();
  const weights = Object.values(params).reduce((sum, { size }) => sum + 4 * size, 0);
  const activations = 4 * B * T * keptOf(sizes);
  expect(device.memory.peakBytes).toBeLessThan(1.2 * (4 * weights + activations));
  // of which weights, and both moments of Adam, stay
  expect(device.memory.liveBytes).toBeLessThan(3.1 * weights);
  device.dispose();
});
