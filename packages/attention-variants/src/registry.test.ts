import { existsSync, readFileSync } from 'node:fs';
import { createPositions, createReference } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, expectTypeOf, it } from 'vitest';
import { configure } from './configure.ts';
import { type GoldenFile, goldenCases } from './conformance/golden.ts';
import { plainStates } from './conformance/plain-states.ts';
import type { AttentionVariant } from './contract.ts';
import { type VariantName, type VariantOptions, variants } from './registry.ts';
import { smallConfigurations } from './testing/configurations.ts';

const all = Object.entries(variants) as [VariantName, AttentionVariant][];

it('has each variant under its name, with a paper to read', () => {
  for (const [name, variant] of all) {
    expect(variant.name).toBe(name);
    expect(variant.title.length).toBeGreaterThan(5);
    expect(variant.summary).toMatch(/\.$/);
    expect(variant.paper.year).toBeGreaterThan(2010);
    // a paper that is not on arXiv has none
    if (variant.paper.arxiv !== undefined) expect(variant.paper.arxiv).toMatch(/^\d{4}\.\d{4,5}$/);
  }
});

it.each(all)('%s has golden values of another program', (name) => {
  const file = new URL(`../golden/${name}.json`, import.meta.url);
  const cure = `packages/attention-variants/golden/${name}.json is missing: docs/write-a-variant.md says what is in it`;
  expect(existsSync(file), cure).toBe(true);
  const golden = JSON.parse(readFileSync(file, 'utf8')) as GoldenFile;
  // which program, in which version: any but the variant itself
  expect(golden.program).toMatch(/\d/);
  expect(golden.program).not.toMatch(/headwise/i);
  const forms = goldenCases(golden).map(({ form }) => form);
  expect(forms).toContain('attend');
  expect(forms).toContain('layers');
});

it('infers names and options', () => {
  expectTypeOf<VariantOptions<'sliding-window'>['window']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<VariantOptions<'multi-query'>>().not.toHaveProperty('window');
  expectTypeOf<'multi-head'>().toExtend<VariantName>();
  expectTypeOf<'no-such'>().not.toExtend<VariantName>();
});

it('covers every kind of state', () => {
  const shape = { E: 8, H: 4, D: 4, layers: 4 };
  const kinds = all.flatMap(([, variant]) => [0, 1].map((layer) => configure(variant).kv(shape, layer).kind));
  expect([...new Set(kinds)].sort()).toEqual(['full', 'latent', 'recurrent', 'shared', 'window']);
});

it.each(all)('%s runs from its defaults on shapes of every kind', async (_, variant) => {
  const device = createReference();
  const attention = configure(variant);
  for (const shape of [
    { E: 12, H: 4, D: 3, layers: 4 },
    { E: 6, H: 2, D: 2, layers: 1 },
    { E: 5, H: 6, D: 4, Dv: 2, layers: 2 },
    { E: 16, H: 8, D: 2, layers: 3, Es: 7 },
  ]) {
    attention.check(shape);
    const layers = Array.from({ length: shape.layers }, (_, layer) => layer);
    const states = plainStates(
      device,
      1,
      layers.map((layer) => attention.kv(shape, layer)),
    );
    const source = seeded(device, [1, 3, shape.Es ?? shape.E], 3);
    for (const [start, L] of [
      [0, 6],
      [6, 1],
    ] as const) {
      for (const layer of layers) {
        const weights = Object.fromEntries(
          Object.entries(attention.parameters(shape, layer)).map(([name, size], i) => [
            name,
            seeded(device, size, i),
          ]),
        );
        const x = seeded(device, [1, L, shape.E], 20 + layer);
        const positions = createPositions(device, { start, L });
        const { y } = attention.layer({ x, weights, state: states[layer]!, positions, shape, layer, source });
        expect(y.shape).toEqual([1, L, shape.E]);
        expect([...((await y.data()) as Float32Array)].every(Number.isFinite)).toBe(true);
      }
    }
  }
});

it('declares the score of every built-in variant in parts that every device has: no user code', () => {
  for (const { attention } of smallConfigurations()) expect(attention.score(0)?.modifiers ?? []).toEqual([]);
});
