import { rms, rope } from './gguf-decoder.ts';
import { type GgufArchitecture, type GgufFields, vocabulary } from './gguf-fields.ts';

/** `expert_gating_func` */
const [SOFTMAX, SIGMOID] = [1, 2];

/**
 * Multi-head latent attention: DeepSeek-V2, and V3, whose experts are scored by sigmoids. Files up to spring 2025 have what unfolds keys and
 * values as one matrix, `attn_kv_b [H · (D + Dv), dc]`, and say the widths of heads; later ones have two, `attn_k_b
 * [H, dc, D]` and `attn_v_b [H, Dv, dc]`, and say the widths of the latent, as of one key and value for all heads.
 */
export const deepseek2OfGguf: GgufArchitecture = {
  modelType: (fields) => (fields.get('expert_gating_func') === SIGMOID ? 'deepseek_v3' : 'deepseek_v2'),
  config(fields) {
    const H = fields.get('attention.head_count');
    const groups = fields.get('attention.head_count_kv');
    const turns = fields.number('rope.dimension_count') ?? 0;
    const [D, Dv] = widthsOfHeads(fields);
    return {
      vocab_size: vocabulary(fields),
      hidden_size: fields.get('embedding_length'),
      intermediate_size: fields.get('feed_forward_length'),
      num_hidden_layers: fields.get('block_count'),
      num_attention_heads: H,
      num_key_value_heads: groups === 1 ? H : groups,
      q_lora_rank: fields.get('attention.q_lora_rank') ?? null,
      kv_lora_rank: fields.get('attention.kv_lora_rank'),
      qk_nope_head_dim: D === undefined ? undefined : D - turns,
      qk_rope_head_dim: turns,
      v_head_dim: Dv,
      max_position_embeddings: fields.get('context_length'),
      tie_word_embeddings: !fields.has('output.weight'),
      rope_parameters: { ...rope(fields), ...magnitudes(fields) },
      ...rms(fields),
      ...experts(fields),
    };
  },
  names: {
    token_embd: 'model.embed_tokens',
    output_norm: 'model.norm',
    output: 'lm_head',
    'blk.*.attn_norm': 'model.layers.*.input_layernorm',
    'blk.*.attn_q': 'model.layers.*.self_attn.q_proj',
    'blk.*.attn_q_a': 'model.layers.*.self_attn.q_a_proj',
    'blk.*.attn_q_a_norm': 'model.layers.*.self_attn.q_a_layernorm',
    'blk.*.attn_q_b': 'model.layers.*.self_attn.q_b_proj',
    'blk.*.attn_kv_a_mqa': 'model.layers.*.self_attn.kv_a_proj_with_mqa',
    'blk.*.attn_kv_a_norm': 'model.layers.*.self_attn.kv_a_layernorm',
    'blk.*.attn_kv_b': 'model.layers.*.self_attn.kv_b_proj',
    'blk.*.attn_k_b': 'model.layers.*.self_attn.k_b_proj',
    'blk.*.attn_v_b': 'model.layers.*.self_attn.v_b_proj',
    'blk.*.attn_output': 'model.layers.*.self_attn.o_proj',
    'blk.*.ffn_norm': 'model.layers.*.post_attention_layernorm',
    'blk.*.ffn_gate': 'model.layers.*.mlp.gate_proj',
    'blk.*.ffn_up': 'model.layers.*.mlp.up_proj',
    'blk.*.ffn_down': 'model.layers.*.mlp.down_proj',
    'blk.*.ffn_gate_inp': 'model.layers.*.mlp.gate',
    'blk.*.exp_probs_b.bias': 'model.layers.*.mlp.gate.e_score_correction_bias',
    'blk.*.ffn_gate_exps': 'model.layers.*.mlp.experts.+.gate_proj',
    'blk.*.ffn_up_exps': 'model.layers.*.mlp.experts.+.up_proj',
    'blk.*.ffn_down_exps': 'model.layers.*.mlp.experts.+.down_proj',
    'blk.*.ffn_gate_shexp': 'model.layers.*.mlp.shared_experts.gate_proj',
    'blk.*.ffn_up_shexp': 'model.layers.*.mlp.shared_experts.up_proj',
    'blk.*.ffn_down_shexp': 'model.layers.*.mlp.shared_experts.down_proj',
  },
};

/** Of a key head with the part that turns, and of a value head. */
function widthsOfHeads(fields: GgufFields): readonly (number | undefined)[] {
  return ['key', 'value'].map((which) => {
    const one = fields.number(`attention.${which}_length`);
    return fields.number(`attention.${which}_length_mla`) ?? one;
  });
}

/** What YaRN multiplies by: the file has one number for both fields, of which it writes a tenth. */
function magnitudes(fields: GgufFields): object {
  const tenth = fields.number('rope.scaling.yarn_log_multiplier');
  return tenth ? { mscale: tenth * 10, mscale_all_dim: tenth * 10 } : {};
}

/** Said of files without experts too. What is not said is 1, or not done, whatever a `config.json` means by silence. */
function experts(fields: GgufFields): object {
  const X = fields.get('expert_count');
  const layers = fields.get('block_count');
  const gating = fields.get('expert_gating_func') ?? SOFTMAX;
  const groups = fields.get('expert_group_count') ?? 1;
  return {
    first_k_dense_replace: X ? (fields.get('leading_dense_block_count') ?? 0) : layers,
    n_routed_experts: X,
    num_experts_per_tok: fields.get('expert_used_count'),
    n_shared_experts: fields.get('expert_shared_count'),
    moe_intermediate_size: fields.get('expert_feed_forward_length'),
    routed_scaling_factor: fields.get('expert_weights_scale') || 1,
    norm_topk_prob: fields.get('expert_weights_norm') ?? false,
    scoring_func: gating === SIGMOID ? 'sigmoid' : gating === SOFTMAX ? 'softmax' : gating,
    topk_method: gating === SIGMOID ? 'noaux_tc' : groups === 1 ? 'greedy' : 'group_limited_greedy',
    n_group: groups,
    topk_group: fields.get('expert_group_used_count') ?? groups,
  };
}
