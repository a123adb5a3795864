import { expect, it } from 'vitest';
import { type DecoderParts, decoderSpecs } from '../decoder.ts';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { cohere2 } from './cohere2.ts';

checkFamily(cohere2, 'cohere2-a');

const config = {
  model_type: 'cohere2',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
};

/** Most tokens that each layer keeps; Infinity for all. */
function caps(change: object): readonly number[] {
  const { parts } = readConfig(cohere2, { ...config, ...change }).model as { parts: DecoderParts };
  return Object.values(decoderSpecs(parts)).map(({ cap }) => cap);
}

it('reads the file of Command R7B, which says many things twice', () => {
  const file = {
    attention_bias: false,
    cache_implementation: 'hybrid',
    head_dim: 4,
    layer_switch: 4,
    logit_scale: 0.25,
    num_key_value_heads: 2,
    order_of_interleaved_layers: 'local_attn_first',
    position_embedding_type: 'rope_gptj',
    rope_scaling: null,
    rope_theta: 50_000,
    rotary_pct: 1.0,
    sliding_window: 9,
    sliding_window_pattern: 4,
    use_embedding_sharing: true,
    use_gated_activation: true,
    use_parallel_block: true,
    use_parallel_embedding: true,
  };
  expect(caps(file)).toEqual([9, 9, 9, Infinity]);
  expect(caps({})).toEqual([4096, 4096, 4096, Infinity]);
});

it.each([
  [{ use_qk_norm: true }, 'use_qk_norm true is not supported, only false'],
  [{ use_parallel_block: false }, 'use_parallel_block false is not supported, only true'],
  [{ logit_scale: 0 }, 'logit_scale must be a number > 0'],
  [{ sliding_window: null }, 'layer_types has layers that slide'],
  [{ layer_switch: 2 }, 'layer_switch 2 is not supported, only 4'],
  [{ use_embedding_sharing: false }, 'use_embedding_sharing false is not supported, only true'],
])('refuses %o', (change, message) => {
  expect(() => readConfig(cohere2, { ...config, ...change })).toThrow(message);
});
