import { createReference } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/multi-head-latent.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { Probe } from '../conformance/probe.ts';
import { multiHeadLatent } from './multi-head-latent.ts';

checkVariant(multiHeadLatent, { golden });

it('gives the same numbers naive and absorbed', async () => {
  const device = createReference();
  const options = { latent: 7, rope: 4, queryLatent: 5 };
  const naive = new Probe(device, multiHeadLatent, { options: { ...options, prefill: 'naive' } });
  const absorbed = new Probe(device, multiHeadLatent, { options: { ...options, prefill: 'absorbed' } });
  assertClose(await naive.layers([9]), await absorbed.layers([9]), { atol: 1e-6 });
});

it('caches dc + dR numbers a token: 576 in DeepSeek-V2, as much as 2.25 groups', () => {
  const shape = { E: 5120, H: 128, D: 128, layers: 60 };
  const options = { ...multiHeadLatent.defaults, latent: 512, rope: 64 };
  const { rows } = multiHeadLatent.kv(shape, options, 0);
  expect(rows).toEqual({ latent: [576] });
  expect(576 * shape.layers).toBe(34_560);
  expect(576 / (2 * shape.D)).toBe(2.25);
  expect(multiHeadLatent.kv(shape, multiHeadLatent.defaults, 0).rows).toEqual(rows);
});

it('refuses a rotated part that does not pair up', () => {
  const options = { ...multiHeadLatent.defaults, rope: 3 };
  expect(() => multiHeadLatent.check({ E: 8, H: 2, D: 4, layers: 1 }, options)).toThrow(
    'multi-head-latent: rope must be an even number ≥ 2: it is turned in pairs, got 3',
  );
});

it('costs what each way of a prefill computes with: unfolded keys, or latents', () => {
  const shape = { E: 8, H: 2, D: 4, Dv: 6, layers: 1 };
  const at = (prefill: 'naive' | 'absorbed', Lq: number, Lk: number) =>
    multiHeadLatent.cost(
      shape,
      { ...multiHeadLatent.defaults, latent: 10, rope: 2, prefill },
      { B: 3, Lq, Lk, layer: 0 },
    ).attentionFlops;
  const pairs = (5 * 6) / 2;
  expect(at('naive', 5, 5)).toBe(2 * 3 * pairs * 2 * (4 + 2 + 6));
  expect(at('absorbed', 5, 5)).toBe(2 * 3 * pairs * 2 * (2 * 10 + 2));
  // a step, and a chunk behind others, have but the latents
  expect(at('naive', 1, 5)).toBe(2 * 3 * 5 * 2 * (2 * 10 + 2));
  expect(at('naive', 2, 5)).toBe(2 * 3 * (4 + 5) * 2 * (2 * 10 + 2));
});
