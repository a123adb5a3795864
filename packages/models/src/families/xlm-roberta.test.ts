import { expect, it } from 'vitest';
import { sharedFolder } from '../testing/shared.ts';
import { encoderOf } from '../testing/tiny-encoders.ts';
import { roberta } from './roberta.ts';
import { xlmRoberta } from './xlm-roberta.ts';

const folder = sharedFolder('conformance/models/tiny/roberta-a');
const rows = [[5, 6, 7, 8], [9]];

it.skipIf(!folder).each(['cls', 'mlm'])('computes what a RoBERTa of its weights does: %s', async (head) => {
  const want = await encoderOf(roberta, folder!, head).predict(rows).data();
  const rename = (name: string) => name.replace('Roberta', 'XLMRoberta');
  const got = await encoderOf(xlmRoberta, folder!, head, { model_type: 'xlm-roberta', rename })
    .predict(rows)
    .data();
  expect(got).toEqual(want);
});
