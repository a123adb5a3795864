import { createReference } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { createModel, modelParameters, readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { electra } from './electra.ts';

checkFamily(electra, 'electra-a');

it('tells of each token how likely it is another’s: out · gelu(dense · hidden)', async () => {
  const json = {
    model_type: 'electra',
    architectures: ['ElectraForPreTraining'],
    vocab_size: 20,
    embedding_size: 12,
    hidden_size: 12,
    num_hidden_layers: 1,
    num_attention_heads: 3,
    intermediate_size: 16,
    max_position_embeddings: 24,
  };
  const { config, model } = readConfig(electra, json);
  const device = createReference();
  const names: Record<string, string> = {};
  const wanted = modelParameters(model);
  const tensors = new Map(
    Object.entries(wanted).map(([ours, shape], i) => {
      const [file] = electra.weights(config)(
        (name) => ({ files: [name], shape: [1], numbers: () => new Float32Array(0) }),
        { [ours]: shape },
      )[ours]!.files;
      names[ours] = file!;
      const size = shape.reduce((product, axis) => product * axis, 1);
      return [file!, { dtype: 'F32' as const, shape, data: seededValues(size, i) }];
    }),
  );
  expect(names['head.out']).toBe('discriminator_predictions.dense_prediction.weight');
  const loaded = createModel(device, electra, json, tensors);
  if (loaded.kind !== 'encoder') throw new Error('no encoder');
  const ids = [3, 1, 4, 1, 5];
  const hidden = await loaded.model.encode(ids).hidden.data();
  const numbers = (ours: string): Float32Array => tensors.get(names[ours]!)!.data as Float32Array;
  const erf = (x: number): number => {
    let [sum, term] = [x, x];
    for (let n = 1; n < 60; n++) {
      term *= -(x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  };
  const want = ids.map((_, l) => {
    const inner = Array.from({ length: 12 }, (_, o) => {
      let x = numbers('head.dense.bias')[o]!;
      for (let e = 0; e < 12; e++) x += numbers('head.dense')[o * 12 + e]! * hidden[l * 12 + e]!;
      return (x / 2) * (1 + erf(x / Math.SQRT2));
    });
    return inner.reduce((sum, x, o) => sum + numbers('head.out')[o]! * x, numbers('head.out.bias')[0]!);
  });
  const got = loaded.model.predict(ids);
  expect(got.shape).toEqual([1, 5, 1]);
  assertClose(await got.data(), want, { atol: 1e-4, rtol: 1e-4 });
});
