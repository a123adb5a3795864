import { describe, expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { logitsOfConfig } from '../testing/random-model.ts';
import { gemma3 } from './gemma3.ts';

checkFamily(gemma3, 'gemma3_text-a');

const json = {
  model_type: 'gemma3_text',
  vocab_size: 20,
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  sliding_window: 3,
};
const ids = [1, 7, 3, 19, 7, 2];
const types = ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'];

describe('Gemma 3', () => {
  it('of 4.x, with a pattern and two bases, is that of 5.x', async () => {
    const scaling = { rope_type: 'linear', factor: 8 };
    const old = {
      ...json,
      sliding_window_pattern: 2,
      rope_theta: 9000,
      rope_local_base_freq: 700,
      rope_scaling: scaling,
    };
    const now = {
      ...json,
      layer_types: types,
      rope_parameters: {
        full_attention: { ...scaling, rope_theta: 9000 },
        sliding_attention: { rope_type: 'default', rope_theta: 700 },
      },
    };
    const want = await logitsOfConfig(gemma3, now, ids);
    expect(await logitsOfConfig(gemma3, old, ids)).toEqual(want);
    expect(await logitsOfConfig(gemma3, { ...old, sliding_window_pattern: 4 }, ids)).not.toEqual(want);
    expect(await logitsOfConfig(gemma3, { ...old, rope_local_base_freq: 701 }, ids)).not.toEqual(want);
  });

  it.each([
    [{ use_bidirectional_attention: true }, 'use_bidirectional_attention true is not supported'],
    [{ layer_types: [...types, 'full_attention'] }, 'layer_types must be a list of 4'],
    [{ vision_config: {} }, '"vision_config" an object is not understood'],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(gemma3, { ...json, ...said })).toThrow(message);
  });
});
