import { type ConfiguredVariant, configure } from '../configure.ts';
import type { AttentionVariant } from '../contract.ts';
import { variants } from '../registry.ts';

/** Every built-in variant with sizes so small that windows, chunks and segments end within a test. */
export function smallConfigurations(): readonly {
  readonly label: string;
  readonly attention: ConfiguredVariant;
}[] {
  const all: [label: string, attention: ConfiguredVariant][] = [
    ['multi-head', configure(variants['multi-head'])],
    ['multi-query', configure(variants['multi-query'])],
    ['grouped-query', configure(variants['grouped-query'], { Hkv: 2 })],
    ['sliding-window', configure(variants['sliding-window'], { window: 7, Hkv: 2 })],
    [
      'sliding-window, attention-gym',
      configure(variants['sliding-window'], { window: 7, convention: 'attention-gym' }),
    ],
    ['chunked', configure(variants.chunked, { chunk: 6 })],
    ['sink-tokens', configure(variants['sink-tokens'], { sinks: 2, window: 5 })],
    ['learned-sinks', configure(variants['learned-sinks'])],
    ['learned-sinks, window', configure(variants['learned-sinks'], { window: 6, Hkv: 2 })],
    ['soft-capped', configure(variants['soft-capped'], { softcap: 1.5 })],
    ['forgetting', configure(variants.forgetting, { Hkv: 2 })],
    ['stick-breaking', configure(variants['stick-breaking'], { Hkv: 2 })],
    ['indexed', configure(variants.indexed, { count: 4, heads: 2, width: 3, Hkv: 2 })],
    ['mixture-of-blocks', configure(variants['mixture-of-blocks'], { block: 3, count: 2, Hkv: 2 })],
    [
      'native-sparse',
      configure(variants['native-sparse'], { block: 2, count: 4, over: 2, every: 1, window: 3, Hkv: 2 }),
    ],
    ['prefix-lm', configure(variants['prefix-lm'], { prefix: 5 })],
    ['anchor', configure(variants.anchor, { segments: 6 })],
    ['cross-layer', configure(variants['cross-layer'], { Hkv: 1 })],
    ['cross-layer, factor 3', configure(variants['cross-layer'], { factor: 3 })],
    ['cross-layer, factor 4', configure(variants['cross-layer'], { factor: 4, Hkv: 2 })],
    ['cross-layer, keep-ends', configure(variants['cross-layer'], { pattern: 'keep-ends' })],
    ['cross-layer, dense-front', configure(variants['cross-layer'], { pattern: 'dense-front' })],
    ['cross-layer, dense-back', configure(variants['cross-layer'], { pattern: 'dense-back' })],
    ['tail-sharing', configure(variants['tail-sharing'], { period: 2, window: 5, Hkv: 2 })],
    ['multi-head-latent', configure(variants['multi-head-latent'], { latent: 10, rope: 4 })],
    [
      'multi-head-latent, absorbed',
      configure(variants['multi-head-latent'], { prefill: 'absorbed', queryLatent: 6 }),
    ],
    [
      'indexed-latent',
      configure(variants['indexed-latent'], {
        count: 4,
        heads: 2,
        width: 4,
        latent: 10,
        rope: 4,
        queryLatent: 6,
      }),
    ],
    ['differential', configure(variants.differential)],
    ['linear', configure(variants.linear)],
    ['gated-delta', configure(variants['gated-delta'], { Hk: 2, kernel: 3 })],
    ['kimi-delta', configure(variants['kimi-delta'], { kernel: 3 })],
    ['cross-attention', configure(variants['cross-attention'])],
    ['additive', configure(variants.additive)],
    ['multiplicative', configure(variants.multiplicative)],
  ];
  const listed = new Set(all.map(([, { name }]) => name));
  // a variant that nobody has given small sizes here has its defaults
  for (const variant of Object.values(variants) as AttentionVariant[])
    if (!listed.has(variant.name)) all.push([variant.name, configure(variant)]);
  return all.map(([label, attention]) => ({ label, attention }));
}
