import { configure, multiHead } from '@headwise/attention-variants';
import {
  block,
  createDecoder,
  createGeluMlp,
  createLayerNorm,
  decoderParameters,
  learnedPositions,
} from '@headwise/models';
import { createDevice, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import golden from '../golden/gpt.json' with { type: 'json' };
import { reversal } from './data/reversal.ts';
import { languageModelLoss } from './losses.ts';
import { adamW } from './optimizers/rules.ts';
import { hash, hashAt } from './random.ts';
import { cosineDecay } from './schedules.ts';
import { train } from './train.ts';

it('200 steps of a small GPT have the losses of PyTorch, within 1e-4 of each', async () => {
  const device = await createDevice('wasm');
  const { V, E, H, layers, T } = golden.sizes;
  const parts = {
    shape: { V, E, H, D: E / H, layers, biases: ['q', 'k', 'v', 'o'] },
    blocks: block({
      attention: configure(multiHead),
      norm: createLayerNorm(),
      mlp: createGeluMlp({ F: 4 * E }),
    }),
    position: learnedPositions({ rows: T }),
    norm: createLayerNorm(),
  };
  // the order in which tooling/golden/training.py makes them decides the key of each
  const order = ['embed', 'position.table'];
  for (let layer = 0; layer < layers; layer++) {
    const at = `layers.${layer}.`;
    for (const norm of ['attentionNorm', 'mlpNorm']) order.push(`${at}${norm}.weight`, `${at}${norm}.bias`);
    for (const which of 'qkvo') order.push(`${at}attention.${which}`, `${at}attention.${which}.bias`);
    for (const which of ['up', 'down']) order.push(`${at}mlp.${which}`, `${at}mlp.${which}.bias`);
  }
  order.push('norm.weight', 'norm.bias');
  const shapes = decoderParameters(parts);
  expect([...order].sort()).toEqual(Object.keys(shapes).sort());
  const weights = Object.fromEntries(
    order.map((name, i) => {
      const shape = shapes[name]!;
      const key = hash(7, i);
      const size = shape.reduce((product, axis) => product * axis, 1);
      const bound = Math.sqrt(3 / shape.at(-1)!);
      const value = (j: number): number => {
        if (shape.length > 1) return bound * ((2 * hashAt(key, j)) / 2 ** 32 - 1);
        return name.endsWith('bias') ? 0 : 1;
      };
      return [
        name,
        tensor(
          device,
          Float32Array.from({ length: size }, (_, j) => value(j)),
          shape,
        ),
      ];
    }),
  );
  const { peak, warmup, steps, decay, beta2 } = golden.recipe;
  const losses: number[] = [];
  for await (const { loss } of train({
    params: weights,
    loss: languageModelLoss(createDecoder({ ...parts, device, weights })),
    data: reversal(golden.task),
    optimizer: adamW({ beta2, decay }),
    rate: cosineDecay({ peak, warmup, steps }),
    steps,
  }))
    losses.push(loss);
  expect(losses).toHaveLength(golden.losses.length);
  const worst = Math.max(...losses.map((loss, i) => Math.abs(loss / golden.losses[i]! - 1)));
  expect(worst).toBeLessThan(1e-4);
});
