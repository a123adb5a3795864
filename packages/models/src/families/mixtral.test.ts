import { describe, expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { logitsOfConfig } from '../testing/random-model.ts';
import { mixtral } from './mixtral.ts';

checkFamily(mixtral, 'mixtral-a');

const json = {
  model_type: 'mixtral',
  vocab_size: 20,
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  num_local_experts: 5,
};
const ids = [1, 7, 3, 19, 7, 2];

describe('Mixtral', () => {
  it('of 4.x is that of 5.x', async () => {
    const now = { ...json, rope_parameters: { rope_type: 'default', rope_theta: 500 } };
    const want = await logitsOfConfig(mixtral, now, ids);
    expect(await logitsOfConfig(mixtral, { ...json, rope_theta: 500 }, ids)).toEqual(want);
    const windowed = await logitsOfConfig(mixtral, { ...now, sliding_window: 3 }, ids);
    expect(windowed.slice(0, 60)).toEqual(want.slice(0, 60));
    expect(windowed).not.toEqual(want);
  });

  it.each([
    [{ num_experts_per_tok: 6 }, 'num_experts_per_tok 6 must be at most num_local_experts 5'],
    [{ hidden_act: 'gelu' }, 'hidden_act "gelu" is not supported'],
    [{ sliding_window: 0 }, 'sliding_window must be a whole number'],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(mixtral, { ...json, ...said })).toThrow(message);
  });
});
