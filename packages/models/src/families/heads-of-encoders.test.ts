import { describe, expect, it } from 'vitest';
import type { Family } from '../family.ts';
import type { HostTensor } from '../formats/safetensors.ts';
import { numbersOf, readSafetensors } from '../formats/safetensors.ts';
import { bytesOf, sharedFolder } from '../testing/shared.ts';
import { encoderOf } from '../testing/tiny-encoders.ts';
import { bert } from './bert.ts';
import { distilbert } from './distilbert.ts';
import { electra } from './electra.ts';
import { roberta } from './roberta.ts';

const rows = [[5, 6, 7, 8]];
const span: HostTensor = {
  dtype: 'F32',
  shape: [2, 24],
  data: Float32Array.from({ length: 48 }, (_, i) => Math.sin(i)),
};
const bias: HostTensor = { dtype: 'F32', shape: [2], data: Float32Array.of(0.5, -1) };
const families: readonly [string, Family, RegExp][] = [
  ['Bert', bert, /^(classifier|bert\.pooler)\./],
  ['Roberta', roberta, /^classifier\./],
  ['DistilBert', distilbert, /^(pre_)?classifier\./],
  ['Electra', electra, /^classifier\./],
];

describe.each(families)('%s that answers questions', (name, family, others) => {
  const folder = sharedFolder(`conformance/models/tiny/${family.name}-a`);

  it.skipIf(!folder)('says of each token how well an answer begins and ends there', async () => {
    const E = numbersOf(
      readSafetensors(bytesOf(folder!, 'cls/model.safetensors')).tensors.get(
        [...readSafetensors(bytesOf(folder!, 'cls/model.safetensors')).tensors.keys()].find((key) =>
          /attention.*(query|q_lin)\.bias$/.test(key),
        )!,
      )!,
    ).length;
    const weight = {
      ...span,
      shape: [2, E],
      data: (span.data as Float32Array).slice(0, 2 * E),
    } as HostTensor;
    const encoder = encoderOf(family, folder!, 'cls', {
      architectures: [`${name}ForQuestionAnswering`],
      tensors(all) {
        for (const key of [...all.keys()]) if (others.test(key)) all.delete(key);
        all.set('qa_outputs.weight', weight).set('qa_outputs.bias', bias);
      },
    });
    expect(encoder.head?.labels).toEqual(['start', 'end']);
    const hidden = await encoder.encode(rows).hidden.data();
    const logits = await encoder.predict(rows).data();
    expect(logits.length).toBe(8);
    for (const [n, logit] of logits.entries()) {
      const [token, which] = [Math.floor(n / 2), n % 2];
      let want = bias.data[which] as number;
      for (let e = 0; e < E; e++) want += hidden[token * E + e]! * (weight.data[which * E + e] as number);
      expect(logit).toBeCloseTo(want, 4);
    }
  });
});

describe('a bare BERT', () => {
  const folder = sharedFolder('conformance/models/tiny/bert-a');
  const bare = (pooler: boolean, one = false) =>
    encoderOf(bert, folder!, 'cls', {
      architectures: ['BertModel'],
      tensors(all) {
        for (const key of [...all.keys()])
          if (
            key.startsWith('classifier') ||
            (!pooler && key.includes('pooler') && !(one && key.endsWith('bias')))
          )
            all.delete(key);
      },
    });

  it.skipIf(!folder)('may have been stored without its pooler', async () => {
    const [whole, without] = [bare(true), bare(false)];
    expect([whole.head?.name, without.head?.name]).toEqual(['pooler', undefined]);
    const hidden = await whole.encode(rows).hidden.data();
    expect(await without.encode(rows).hidden.data()).toEqual(hidden);
  });

  it.skipIf(!folder)('is refused with half of one', () => {
    expect(() => bare(false, true)).toThrow('"bert.pooler.dense.weight" is missing');
  });
});
