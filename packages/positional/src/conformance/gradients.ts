import { attention, createPositions, type Device, scope, type Tensor } from '@headwise/tensor';
import {
  checkDirections,
  compareGradients,
  type Differentiable,
  type Parameters,
  seeded,
} from '@headwise/tensor/testing';
import type {
  AnyEncoding,
  RelativeAttention,
  RotaryEncoding,
  ScoreBias,
  TableEncoding,
} from '../contract.ts';
import { onDevice } from './golden.ts';
import type { Law, Trial } from './law.ts';

type Given = Readonly<Record<string, Tensor>>;

/**
 * What an encoding computes, as a function of its inputs and of its trained tensors, which the factory is given anew.
 *
 * @param work what the encoding does with the inputs; it is disposed afterwards
 */
function asFunction<Encoding extends AnyEncoding>(
  { create, golden }: Trial<Encoding>,
  shapes: Readonly<Record<string, readonly number[]>>,
  work: (encoding: Encoding, inputs: Given, device: Device) => Tensor | readonly Tensor[],
): Differentiable {
  const weights = Object.entries(golden.weights ?? {});
  const trained = (given: Given): Given =>
    Object.fromEntries(weights.map(([name]) => [name, given[name]!] as const));
  return {
    parameters: (device): Parameters => ({
      ...Object.fromEntries(
        Object.entries(shapes).map(([name, shape], i) => [name, seeded(device, shape, i)]),
      ),
      ...Object.fromEntries(weights.map(([name, array]) => [name, onDevice(device, array, name)])),
    }),
    run(given, device) {
      const encoding = create(trained(given));
      const results = scope(() => work(encoding, given, device));
      if ('dispose' in encoding) encoding.dispose();
      return results;
    },
  };
}

/** Slopes by central differences in float64, then the device against the reference. */
async function obey({ device }: Trial, of: Differentiable): Promise<void> {
  if (device.name === 'reference') await checkDirections(of);
  else await compareGradients(device, of, { atol: 1e-4, rtol: 5e-4 });
}

const NAME = 'gradients = central differences';
const rows = (device: Device, last: number) => createPositions(device, [[0, 2, 5], [last]]);

/** Of queries and keys, which a rotation turns. */
export const rotationGradients: Law<RotaryEncoding> = {
  name: NAME,
  async holds(trial) {
    const D = trial.golden.inputs.q!.shape[3]!;
    const shapes = { q: [2, 3, 2, D], k: [2, 3, 1, D] };
    const turn = (encoding: RotaryEncoding, { q, k }: Given, device: Device): readonly Tensor[] => {
      const turned = encoding.rotate(q as never, k as never, rows(device, 7));
      return [turned.q, turned.k];
    };
    await obey(trial as Trial, asFunction(trial, shapes, turn));
  },
};

/** Of queries, keys and values under a bias, and of its table. */
export const biasGradients: Law<ScoreBias> = {
  name: NAME,
  async holds(trial) {
    const H = trial.golden.inputs.q!.shape[2]!;
    const shapes = { q: [2, 3, H, 3], k: [2, 5, H, 3], v: [2, 5, H, 3] };
    const attend = (encoding: ScoreBias, { q, k, v }: Given, device: Device): Tensor =>
      attention({ q, k, v, ...encoding.bias(device, H, 3, 5, 2) } as never, { causal: { offset: 2 } });
    await obey(trial as Trial, asFunction(trial, shapes, attend));
  },
};

/** Of embeddings, and of the table that is added to them. */
export const inputGradients: Law<TableEncoding> = {
  name: NAME,
  async holds(trial) {
    const E = trial.golden.inputs.x!.shape[2]!;
    const encode = (encoding: TableEncoding, { x }: Given, device: Device): Tensor =>
      encoding.encode(x as never, rows(device, 3));
    await obey(trial as Trial, asFunction(trial, { x: [2, 3, E] }, encode));
  },
};

/** Of queries, keys, values and relative tables. */
export const attentionGradients: Law<RelativeAttention> = {
  name: NAME,
  async holds(trial) {
    const { q, v } = trial.golden.inputs;
    const [, , H, D] = q!.shape as [number, number, number, number];
    const [, , Hkv, Dv] = v!.shape as [number, number, number, number];
    const shapes = { q: [2, 3, H, D], k: [2, 5, Hkv, D], v: [2, 5, Hkv, Dv] };
    const attend = (encoding: RelativeAttention, given: Given): Tensor =>
      encoding.attend({ q: given.q, k: given.k, v: given.v } as never, { causal: { offset: 2 } });
    await obey(trial as Trial, asFunction(trial, shapes, attend));
  },
};
