import { describe, expect, it } from 'vitest';
import { deepseekV2 } from '../families/deepseek-v2.ts';
import { deepseekV3 } from '../families/deepseek-v3.ts';
import { readConfig } from '../family.ts';
import { memorySource } from '../sources/byte-sources.ts';
import { type Value, writeGguf } from '../testing/gguf.ts';
import { ggufCheckpoint } from './gguf-checkpoint.ts';

const said: Readonly<Record<string, Value>> = {
  context_length: ['u32', 64],
  embedding_length: ['u32', 24],
  feed_forward_length: ['u32', 20],
  block_count: ['u32', 2],
  vocab_size: ['u32', 20],
  'attention.head_count': ['u32', 4],
  'attention.head_count_kv': ['u32', 1],
  'attention.layer_norm_rms_epsilon': ['f32', 1e-6],
  'attention.kv_lora_rank': ['u32', 10],
  'attention.key_length': ['u32', 14],
  'attention.value_length': ['u32', 10],
  'attention.key_length_mla': ['u32', 10],
  'attention.value_length_mla': ['u32', 5],
  'rope.dimension_count': ['u32', 4],
};

async function configOf(more: Readonly<Record<string, Value>>): Promise<object> {
  const fields = Object.entries({ ...said, ...more });
  const metadata = fields.map(([key, value]) => [`deepseek2.${key}`, value] as const);
  const file = writeGguf({
    metadata: [['general.architecture', ['text', 'deepseek2']], ...metadata],
    tensors: [],
  });
  return (await ggufCheckpoint([memorySource(file)])).config as object;
}

describe('a GGUF file of DeepSeek', () => {
  it('of layers without experts is DeepSeek-V2', async () => {
    const { config } = readConfig(deepseekV2, await configOf({}));
    expect(config.sizes).toMatchObject({ D: 6, Dv: 5, latent: 10, rope: 4, queryLatent: undefined });
    expect(config.shape).toMatchObject({ V: 20, E: 24, H: 4, layers: 2 });
  });

  it('sharpens its scores by one number for both of YaRN, of which it writes a tenth', async () => {
    const config = await configOf({
      'rope.scaling.type': ['text', 'yarn'],
      'rope.scaling.factor': ['f32', 40],
      'rope.scaling.original_context_length': ['u32', 16],
      'rope.scaling.yarn_beta_fast': ['f32', 32],
      'rope.scaling.yarn_beta_slow': ['f32', 1],
      'rope.scaling.yarn_log_multiplier': ['f32', 0.08],
    });
    const { scale } = readConfig(deepseekV2, config).config.sizes;
    const sharp = 0.1 * 0.8 * Math.log(40) + 1;
    expect(scale).toBeCloseTo(sharp ** 2 * 10 ** -0.5, 12);
    expect(config).toMatchObject({ rope_parameters: { beta_fast: 32, beta_slow: 1, mscale: 0.8 } });
  });

  const sparse: Readonly<Record<string, Value>> = {
    leading_dense_block_count: ['u32', 1],
    expert_count: ['u32', 8],
    expert_used_count: ['u32', 3],
    expert_shared_count: ['u32', 2],
    expert_feed_forward_length: ['u32', 6],
  };

  it('says nothing of groups and shares where it does not choose by them', async () => {
    const { config } = readConfig(deepseekV2, await configOf(sparse));
    expect(config.dense).toBe(1);
    expect(config.experts).toMatchObject({
      X: 8,
      k: 3,
      groups: 1,
      chosenGroups: 1,
      F: 6,
      sharedF: 12,
      scale: 1,
    });
  });

  it('whose experts are scored by sigmoids is DeepSeek-V3', async () => {
    const config = await configOf({
      ...sparse,
      expert_gating_func: ['u32', 2],
      expert_group_count: ['u32', 4],
      expert_group_used_count: ['u32', 2],
      expert_weights_scale: ['f32', 2.5],
      expert_weights_norm: ['bool', 1],
    });
    const { experts } = readConfig(deepseekV3, config).config;
    expect(experts).toMatchObject({ groups: 4, chosenGroups: 2, scale: 2.5, sumsToOne: true });
  });

  it('of a way to score that is not known is refused', async () => {
    const config = await configOf({ ...sparse, expert_gating_func: ['u32', 3] });
    expect(() => readConfig(deepseekV2, config)).toThrow('scoring_func 3 is not supported, only "softmax"');
  });
});
