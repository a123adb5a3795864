import { describe, expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { logitsOfConfig } from '../testing/random-model.ts';
import { falcon } from './falcon.ts';

checkFamily(falcon, 'falcon_mq-a', 'falcon_alibi-a', 'falcon_new-a');

const json = {
  model_type: 'falcon',
  vocab_size: 20,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  max_position_embeddings: 32,
};
const ids = [1, 7, 3, 19, 7];

/** Names of the weights of the first layer, biases of norms aside. */
function names(said: object): string {
  const { model } = readConfig(falcon, { ...json, ...said });
  if (model.kind !== 'decoder') throw new Error('no decoder');
  const { blocks, shape } = model.parts;
  const block = typeof blocks === 'function' ? blocks(0) : blocks;
  const [attention] = block.parts;
  const [k] = attention!.parameters(shape, 0).k!;
  return `${block.arrange.norms(['attention', 'mlp']).join(' ')} k ${k}`;
}

describe('a Falcon', () => {
  it.each([
    ['7B', {}, 'norm k 4'],
    ['40B', { new_decoder_architecture: true, num_kv_heads: 2 }, 'attentionNorm mlpNorm k 8'],
    ['11B', { new_decoder_architecture: true, num_kv_heads: 2, num_ln_in_parallel_attn: 1 }, 'norm k 8'],
    [
      'RW',
      { multi_query: false, parallel_attn: false, alibi: true, bias: true },
      'attentionNorm mlpNorm k 24',
    ],
    // 71 stands in the file of 7B, which does not read it
    ['7B with num_kv_heads', { num_kv_heads: 71 }, 'norm k 4'],
  ])('of the form of %s has its norms and keys', (_, said, want) => {
    expect(names(said)).toBe(want);
  });

  it('of 4.x is that of 5.x', async () => {
    const old = {
      ...json,
      rope_theta: 500,
      rope_scaling: { type: 'linear', factor: 2 },
      torch_dtype: 'float32',
    };
    const now = { ...json, rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 500 } };
    expect(await logitsOfConfig(falcon, old, ids)).toEqual(await logitsOfConfig(falcon, now, ids));
    expect(await logitsOfConfig(falcon, json, ids)).not.toEqual(await logitsOfConfig(falcon, now, ids));
  });

  it.each([
    [{ new_decoder_architecture: true, parallel_attn: false }, 'parallel_attn false is not supported'],
    [{ num_ln_in_parallel_attn: 2 }, 'num_ln_in_parallel_attn 2 is not supported, only 1'],
    [{ apply_residual_connection_post_layernorm: true }, 'is not supported, only false'],
    [{ hidden_size: 25 }, 'hidden_size 25 must be a multiple of num_attention_heads 6'],
    [{ new_decoder_architecture: true, num_kv_heads: 4 }, 'must be a multiple of num_kv_heads 4'],
    [{ num_attention_heads: 2 ** 17 }, 'num_attention_heads must be at most 65536'],
    [{ activation: 'sine' }, 'activation must be one of'],
    [{ alibi: true, max_position_embeddings: 2 ** 17 }, 'must be at most 65536 with alibi'],
    [{ n_head_kv: 1 }, '"n_head_kv" 1 is not understood'],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(falcon, { ...json, ...said })).toThrow(message);
  });
});
