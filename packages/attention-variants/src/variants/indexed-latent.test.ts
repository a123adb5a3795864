import { createReference, watch } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/indexed-latent.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { Probe } from '../conformance/probe.ts';
import { indexedLatent } from './indexed-latent.ts';
import { multiHeadLatent } from './multi-head-latent.ts';

const sizes = { latent: 7, rope: 2, queryLatent: 5 };

checkVariant(indexedLatent, {
  golden,
  // of fewer, a query's own key is not always one
  options: { ...sizes, count: 6, heads: 2, width: 3 },
  except: { 'a bias counts': 'a token under a bias of −∞ may still be chosen, one that is not there is not' },
});

it('is multi-head latent attention where the count covers everything', async () => {
  const device = createReference();
  const shape = { E: 12, H: 4, D: 4, layers: 1 };
  const options = { ...indexedLatent.defaults, ...sizes, count: 9, heads: 2, width: 3 };
  const latent = { ...multiHeadLatent.defaults, ...sizes };
  const names = Object.keys(multiHeadLatent.parameters(shape, latent, 0));
  const all = new Probe(device, indexedLatent, { options, shape });
  // weights are seeded by their place among the parameters: those of one are handed to the other
  const given = all.weights(0);
  const plain = new Probe(device, multiHeadLatent, { options: latent, shape });
  plain.weights = () => Object.fromEntries(names.map((name) => [name, given[name]!]));
  assertClose(await all.layers([9]), await plain.layers([9]), { atol: 1e-6, rtol: 1e-6 });
});

it('reads everything while the text is no longer than its count, and then what it chooses', async () => {
  const device = createReference();
  const options = { ...sizes, count: 4, heads: 2, width: 3 };
  const probe = new Probe(device, indexedLatent, { options, shape: { E: 12, H: 4, D: 4, layers: 1 } });
  const chosen: number[] = [];
  const call = indexedLatent.layer;
  const counted = {
    ...indexedLatent,
    layer: (given: Parameters<typeof call>[0]) =>
      watch(
        ({ op }) => op.name === 'selectKeys' && chosen.push(given.state.length),
        () => call(given),
      ),
  };
  await new Probe(device, counted, probe.settings).layers([3, 1, 1, 4]);
  expect(chosen).toEqual([5, 9]);
});

it('keeps a latent and an index key a token, and counts the latents that a step reads', () => {
  // DeepSeek-V3.2
  const shape = { E: 7168, H: 128, D: 128, layers: 61 };
  const options = {
    ...indexedLatent.defaults,
    heads: 64,
    width: 128,
    latent: 512,
    rope: 64,
    queryLatent: 1536,
  };
  expect(indexedLatent.kv(shape, options, 0).rows).toEqual({ latent: [576], index: [128] });
  const step = (Lk: number) => indexedLatent.cost(shape, options, { B: 1, Lq: 1, Lk, layer: 0 });
  expect(step(65_536).attentionFlops).toBe(step(2048).attentionFlops);
  expect(step(65_536).stateReads - step(2048).stateReads).toBe((65_536 - 2048) * 128);
  expect(step(2048).stateReads).toBe(2048 * (576 + 128));
});

it.each([
  [{ rope: 3 }, 'rope must be an even number ≥ 2'],
  [{ rope: 4, width: 2 }, 'width must be at least rope = 4'],
  [{ count: 0 }, 'count must be a whole number ≥ 1'],
  [{ queryLatent: 0 }, 'queryLatent must be a whole number ≥ 1'],
])('refuses %j', (given, message) => {
  const options = { ...indexedLatent.defaults, ...given };
  expect(() => indexedLatent.check({ E: 8, H: 2, D: 4, layers: 1 }, options)).toThrow(message);
});
