import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import golden from '../../golden/prefix-lm.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { Probe } from '../conformance/probe.ts';
import { prefixLm } from './prefix-lm.ts';

checkVariant(prefixLm, {
  golden,
  options: { prefix: 3 },
  firstCall: 3,
  except: { causal: 'tokens of the prefix see each other in both directions' },
});

it('is causal after the prefix', async () => {
  const probe = new Probe(createReference(), prefixLm, { options: { prefix: 3 } });
  const inputs = probe.inputs();
  const before = (await probe.attend(inputs)).data;
  const changed = inputs.k.data.slice();
  // key 5 of both sequences
  for (let n = 0; n < changed.length; n++) if (Math.floor(n / 16) % 9 === 5) changed[n] = 0.5;
  const after = (await probe.attend({ ...inputs, k: { ...inputs.k, data: changed } })).data;
  const rows = [...before].flatMap((value, n) => (value === after[n] ? [] : [Math.floor(n / 16) % 9]));
  expect([...new Set(rows)]).toEqual([5, 6, 7, 8]);
});

it('refuses a call that ends inside the prefix', async () => {
  const probe = new Probe(createReference(), prefixLm, { options: { prefix: 4 } });
  await expect(probe.layers([2, 7])).rejects.toThrow(
    'prefix-lm: the prefix must come in one call, since its tokens see each other; the calls so far ended at 2, got 4',
  );
});
