import { createPositions, type Device, type Tensor, tensor } from '@headwise/tensor';
import type { Differentiable, Parameters } from '@headwise/tensor/testing';
import { type HostArray, LENGTH, Probe, random } from './probe.ts';

// biome-ignore lint/suspicious/noExplicitAny: gradients of variants of any options
type AnyProbe = Probe<any>;

const upload = (device: Device, { data, shape }: HostArray): Tensor => tensor(device, data, shape);

/** The score form as a function of queries, keys and values, and of what its score learns. Never throws. */
export function attendGradients({ variant, settings }: AnyProbe): Differentiable {
  return {
    parameters(device): Parameters {
      const probe = new Probe(device, variant, settings);
      const { q, k, v } = probe.inputs();
      // the score form takes no projections
      const { q: _q, k: _k, v: _v, o: _o, ...learned } = probe.weights(0);
      return { q: upload(device, q), k: upload(device, k), v: upload(device, v), ...learned };
    },
    run({ q, k, v, ...weights }, device) {
      const { options } = new Probe(device, variant, settings);
      return variant.attend({ q, k, v, weights } as never, options).out;
    },
  };
}

/** The layer form as a function of the hidden rows and weights of every layer, over states that keep nothing. Never throws. */
export function layerGradients({ variant, settings, shape }: AnyProbe): Differentiable {
  const { E, layers, Es = E } = shape;
  const source = random([2, 5, Es], 900);
  return {
    parameters(device): Parameters {
      const probe = new Probe(device, variant, settings);
      const found: Record<string, Tensor> = {};
      for (let layer = 0; layer < layers; layer++) {
        found[`${layer} x`] = upload(device, probe.hidden(layer));
        for (const [name, weight] of Object.entries(probe.weights(layer))) found[`${layer} ${name}`] = weight;
      }
      return variant.needsSource ? { ...found, source: upload(device, source) } : found;
    },
    run(given, device) {
      const probe = new Probe(device, variant, settings);
      const states = probe.through();
      const outputs = states.map((state, layer) => {
        const own = Object.entries(given).filter(([name]) => name.startsWith(`${layer} `));
        const { x, ...weights } = Object.fromEntries(
          own.map(([name, x]) => [name.split(' ')[1]!, x] as const),
        );
        return variant.layer({
          x: x!,
          weights,
          state,
          positions: createPositions(device, { start: 0, L: LENGTH }),
          shape,
          options: probe.options,
          layer,
          source: given.source,
        }).y;
      });
      for (const state of states) state.dispose();
      return outputs;
    },
  };
}
