import { createRequire } from 'node:module';
import * as esm from '@headwise/attention-variants';
import { checkVariant } from '@headwise/attention-variants/conformance';
import { variants } from '@headwise/attention-variants/registry';
import { multiQuery } from '@headwise/attention-variants/variants/multi-query';
import { expect, it } from 'vitest';

const require = createRequire(import.meta.url);

/** A variant as somebody outside writes it: one call, one test. */
const dilated = esm.softmaxVariant({
  name: 'dilated-window',
  title: 'Dilated window',
  summary: 'A query sees every second token of a window.',
  paper: { title: 'Longformer', authors: 'Beltagy et al.', year: 2020, arxiv: '2004.05150' },
  defaults: { window: 8, Hkv: undefined as number | undefined },
  cap: ({ window }) => window,
  // its mask hides what the declared parts do not say
  pairs: (Lq, Lk, { window }) =>
    Array.from({ length: Lq }, (_, i) => Math.min(Lk - Lq + i, window - 1)).reduce(
      (pairs, before) => pairs + Math.floor(before / 2) + 1,
      0,
    ),
  score: ({ window }) => ({
    causal: true,
    window: [window - 1, 0],
    modifiers: [esm.maskModifier('function (b, h, q, k) { return (q - k) % 2 === 0 ? 1 : 0; }')],
  }),
});

// its mask is user code, which the fused kernels of wasm refuse by name
checkVariant(dilated, { options: { window: 5 }, devices: ['gpujs:webasm'] });

it('has the same variants by import, by subpath and by require', () => {
  const cjs = require('@headwise/attention-variants') as typeof esm;
  expect(multiQuery.name).toBe(esm.multiQuery.name);
  expect(Object.keys(cjs).sort()).toEqual(Object.keys(esm).sort());
  expect(variants['multi-query']).toBe(esm.multiQuery);
  const shape = { E: 8, H: 4, D: 2, layers: 1 };
  expect(cjs.configure(cjs.groupedQuery, { Hkv: 2 }).kv(shape, 0).rows).toEqual({ k: [2, 2], v: [2, 2] });
});
