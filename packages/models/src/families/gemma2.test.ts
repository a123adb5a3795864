import { describe, expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { logitsOfConfig } from '../testing/random-model.ts';
import { gemma2 } from './gemma2.ts';

checkFamily(gemma2, 'gemma2-a');

const json = {
  model_type: 'gemma2',
  vocab_size: 20,
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  sliding_window: 3,
};
const ids = [1, 7, 3, 19, 7, 2];

describe('Gemma 2', () => {
  it('of 4.x is that of 5.x', async () => {
    const old = { ...json, rope_theta: 500, hidden_act: 'gelu_pytorch_tanh', cache_implementation: 'hybrid' };
    const types = ['sliding_attention', 'full_attention'];
    const now = { ...json, layer_types: types, rope_parameters: { rope_type: 'default', rope_theta: 500 } };
    expect(await logitsOfConfig(gemma2, old, ids)).toEqual(await logitsOfConfig(gemma2, now, ids));
  });

  it.each([
    ['float32', Math.fround(Math.sqrt(24))],
    ['bfloat16', 4.90625],
    ['float16', 4.8984375],
  ])('of %s scales its embeddings by a number of that type', (dtype, scale) => {
    for (const key of ['dtype', 'torch_dtype']) {
      const { model } = readConfig(gemma2, { ...json, [key]: dtype });
      expect(model.parts).toMatchObject({ embedScale: scale });
    }
  });

  it('caps nothing where the file says null, and by 50 and 30 where it is silent', () => {
    const capOf = (said: object) => {
      const { model } = readConfig(gemma2, { ...json, ...said });
      return (model.parts as { logitSoftcap?: number }).logitSoftcap;
    };
    expect(capOf({})).toBe(30);
    expect(capOf({ final_logit_softcapping: null })).toBeUndefined();
  });

  it.each([
    [{ use_bidirectional_attention: true }, 'use_bidirectional_attention true is not supported'],
    [{ sliding_window: null }, 'there is no sliding_window'],
    [{ layer_types: ['full_attention'] }, 'layer_types must be a list of 2'],
    [{ final_logit_softcapping: -1 }, 'final_logit_softcapping must be a number > 0'],
    [{ query_pre_attn_scalar: 0 }, 'query_pre_attn_scalar must be a number > 0'],
    [{ head_dim: 2 ** 20 }, 'heads of 1048576 numbers are not supported, only of up to 65536'],
    [{ dtype: 'int8' }, 'dtype must be one of float32'],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(gemma2, { ...json, ...said })).toThrow(message);
  });
});
