import { decoder, llamaNames, rms } from './gguf-decoder.ts';
import { bertOfGguf, nomicBertOfGguf, t5OfGguf } from './gguf-encoders.ts';
import { type Change, type GgufArchitecture, type GgufFields, vocabulary } from './gguf-fields.ts';
import { deepseek2OfGguf } from './gguf-latent.ts';
import { groupByGroup, halvesOfPairs, headByHead } from './row-order.ts';

/** Norms before and after each part: Gemma. */
const sandwichNames = {
  ...llamaNames,
  'blk.*.post_attention_norm': 'model.layers.*.post_attention_layernorm',
  'blk.*.ffn_norm': 'model.layers.*.pre_feedforward_layernorm',
  'blk.*.post_ffw_norm': 'model.layers.*.post_feedforward_layernorm',
};

function pairs(name: string, fields: GgufFields): Change {
  const H = fields.number('attention.head_count') ?? 1;
  if (/^attn_q\./.test(name)) return { order: halvesOfPairs(H) };
  if (/^attn_k\./.test(name)) return { order: halvesOfPairs(fields.number('attention.head_count_kv') ?? H) };
  return {};
}

const plusOne = (name: string): Change => (/norm\.weight$/.test(name) ? { plusOne: true } : {});

const named = (modelType: string) => (): string => modelType;

/** Every architecture that can be read, by `general.architecture`. */
export const ggufArchitectures: Readonly<Record<string, GgufArchitecture>> = {
  llama: {
    // a mixture of experts is another model
    modelType: (fields) => (fields.get('expert_count') ? 'mixtral' : 'llama'),
    config: (fields) => ({
      ...decoder(fields),
      ...rms(fields),
      ...(fields.get('expert_count')
        ? {
            num_local_experts: fields.get('expert_count'),
            num_experts_per_tok: fields.get('expert_used_count'),
          }
        : { attention_bias: fields.has('blk.0.attn_q.bias'), mlp_bias: fields.has('blk.0.ffn_up.bias') }),
    }),
    names: {
      ...llamaNames,
      'blk.*.ffn_gate_inp': 'model.layers.*.block_sparse_moe.gate',
      'blk.*.ffn_gate_exps': 'model.layers.*.block_sparse_moe.experts.+.w1',
      'blk.*.ffn_down_exps': 'model.layers.*.block_sparse_moe.experts.+.w2',
      'blk.*.ffn_up_exps': 'model.layers.*.block_sparse_moe.experts.+.w3',
    },
    changes: pairs,
  },
  smollm3: {
    modelType: named('smollm3'),
    config: (fields) => ({ ...decoder(fields), ...rms(fields) }),
    names: llamaNames,
    changes: pairs,
  },
  qwen2: {
    modelType: named('qwen2'),
    config: (fields) => ({ ...decoder(fields), ...rms(fields) }),
    names: llamaNames,
  },
  qwen3: {
    modelType: named('qwen3'),
    config: (fields) => ({ ...decoder(fields), ...rms(fields) }),
    names: llamaNames,
  },
  gemma2: {
    modelType: named('gemma2'),
    config: (fields) => ({
      ...decoder(fields),
      ...rms(fields),
      query_pre_attn_scalar: queryScale(fields, 46),
      sliding_window: fields.get('attention.sliding_window'),
      attn_logit_softcapping: fields.get('attn_logit_softcapping'),
      final_logit_softcapping: fields.get('final_logit_softcapping'),
    }),
    names: sandwichNames,
    changes: plusOne,
  },
  gemma3: {
    modelType: named('gemma3_text'),
    config(fields) {
      const { rope_parameters, ...own } = decoder(fields);
      const { rope_theta, ...scaling } = rope_parameters as Record<string, unknown>;
      const rope_local_base_freq = fields.get('rope.freq_base_swa') ?? 10_000;
      return {
        ...own,
        ...rms(fields),
        rope_theta: fields.get('rope.freq_base') ?? 1e6,
        rope_local_base_freq,
        ...(scaling.rope_type !== 'default' && { rope_scaling: scaling }),
        query_pre_attn_scalar: queryScale(fields, 62),
        sliding_window: fields.get('attention.sliding_window'),
        sliding_window_pattern: fields.get('attention.sliding_window_pattern') ?? 6,
      };
    },
    names: sandwichNames,
    changes: plusOne,
  },
  phi3: {
    modelType: named('phi3'),
    config: (fields) => ({
      ...decoder(fields),
      ...rms(fields),
      original_max_position_embeddings: fields.get('rope.scaling.original_context_length'),
      sliding_window: fields.get('attention.sliding_window') || undefined,
    }),
    names: {
      ...llamaNames,
      'blk.*.attn_qkv': 'model.layers.*.self_attn.qkv_proj',
      'blk.*.ffn_up': 'model.layers.*.mlp.gate_up_proj',
    },
  },
  olmo2: {
    modelType: named('olmo2'),
    config: (fields) => ({ ...decoder(fields), ...rms(fields) }),
    names: {
      ...llamaNames,
      'blk.*.post_attention_norm': 'model.layers.*.post_attention_layernorm',
      'blk.*.post_ffw_norm': 'model.layers.*.post_feedforward_layernorm',
    },
  },
  cohere2: {
    modelType: named('cohere2'),
    config: (fields) => ({
      ...decoder(fields),
      layer_norm_eps: fields.get('attention.layer_norm_epsilon'),
      logit_scale: fields.get('logit_scale'),
      sliding_window: fields.get('attention.sliding_window'),
    }),
    names: llamaNames,
  },
  gptneox: {
    modelType: named('gpt_neox'),
    config(fields) {
      const { partial_rotary_factor = 1, num_key_value_heads, head_dim, ...own } = decoder(fields);
      return {
        ...own,
        rotary_pct: partial_rotary_factor,
        layer_norm_eps: fields.get('attention.layer_norm_epsilon'),
        use_parallel_residual: fields.get('use_parallel_residual') ?? true,
        tie_word_embeddings: !fields.has('output.weight'),
      };
    },
    names: {
      token_embd: 'gpt_neox.embed_in',
      output_norm: 'gpt_neox.final_layer_norm',
      output: 'embed_out',
      'blk.*.attn_norm': 'gpt_neox.layers.*.input_layernorm',
      'blk.*.attn_qkv': 'gpt_neox.layers.*.attention.query_key_value',
      'blk.*.attn_output': 'gpt_neox.layers.*.attention.dense',
      'blk.*.ffn_norm': 'gpt_neox.layers.*.post_attention_layernorm',
      'blk.*.ffn_up': 'gpt_neox.layers.*.mlp.dense_h_to_4h',
      'blk.*.ffn_down': 'gpt_neox.layers.*.mlp.dense_4h_to_h',
    },
    changes: (name, fields) =>
      /^attn_qkv\./.test(name) ? { order: headByHead(fields.number('attention.head_count') ?? 1) } : {},
  },
  falcon: {
    modelType: named('falcon'),
    config(fields) {
      const { num_key_value_heads: Hkv = 1, head_dim, intermediate_size, ...own } = decoder(fields);
      // says how its queries lie, which all such files say
      fields.get('tensor_data_layout');
      const twoNorms = fields.has('blk.0.attn_norm_2.weight');
      return {
        ...own,
        ffn_hidden_size: intermediate_size,
        layer_norm_epsilon: fields.get('attention.layer_norm_epsilon'),
        new_decoder_architecture: twoNorms || Hkv !== 1,
        num_kv_heads: Hkv,
        num_ln_in_parallel_attn: twoNorms ? 2 : 1,
      };
    },
    names: (fields) => {
      const two = fields.has('blk.0.attn_norm_2.weight');
      return {
        token_embd: 'transformer.word_embeddings',
        output_norm: 'transformer.ln_f',
        output: 'lm_head',
        'blk.*.attn_norm': `transformer.h.*.${two ? 'ln_mlp' : 'input_layernorm'}`,
        'blk.*.attn_norm_2': 'transformer.h.*.ln_attn',
        'blk.*.attn_qkv': 'transformer.h.*.self_attention.query_key_value',
        'blk.*.attn_output': 'transformer.h.*.self_attention.dense',
        'blk.*.ffn_up': 'transformer.h.*.mlp.dense_h_to_4h',
        'blk.*.ffn_down': 'transformer.h.*.mlp.dense_4h_to_h',
      };
    },
    changes: (name, fields) => {
      if (!/^attn_qkv\./.test(name)) return {};
      const H = fields.number('attention.head_count') ?? 1;
      return { order: groupByGroup(H, fields.number('attention.head_count_kv') ?? 1) };
    },
  },
  deepseek2: deepseek2OfGguf,
  'gpt-oss': {
    modelType: named('gpt_oss'),
    config(fields) {
      const { rope_parameters, intermediate_size, ...own } = decoder(fields);
      return {
        ...own,
        ...rms(fields),
        // the format has no place for it, and the models there are do not round
        rope_parameters: { ...(rope_parameters as object), truncate: false },
        intermediate_size: fields.get('expert_feed_forward_length') ?? intermediate_size,
        num_local_experts: fields.get('expert_count'),
        num_experts_per_tok: fields.get('expert_used_count'),
        sliding_window: fields.get('attention.sliding_window'),
        attention_bias: fields.has('blk.0.attn_q.bias'),
      };
    },
    names: {
      ...llamaNames,
      'blk.*.attn_sinks.weight': 'model.layers.*.self_attn.sinks',
      'blk.*.post_attention_norm': 'model.layers.*.post_attention_layernorm',
      'blk.*.ffn_gate_inp': 'model.layers.*.mlp.router',
      'blk.*.ffn_gate_exps': 'model.layers.*.mlp.experts.gate_proj',
      'blk.*.ffn_up_exps': 'model.layers.*.mlp.experts.up_proj',
      'blk.*.ffn_down_exps': 'model.layers.*.mlp.experts.down_proj',
    },
  },
  bert: bertOfGguf,
  'nomic-bert': nomicBertOfGguf,
  t5: t5OfGguf,
  gpt2: {
    modelType: named('gpt2'),
    config: (fields) => ({
      vocab_size: vocabulary(fields),
      n_positions: fields.get('context_length'),
      n_embd: fields.get('embedding_length'),
      n_layer: fields.get('block_count'),
      n_head: fields.get('attention.head_count'),
      n_inner: fields.get('feed_forward_length'),
      layer_norm_epsilon: fields.get('attention.layer_norm_epsilon'),
      tie_word_embeddings: !fields.has('output.weight'),
    }),
    names: {
      token_embd: 'transformer.wte',
      position_embd: 'transformer.wpe',
      output_norm: 'transformer.ln_f',
      output: 'lm_head',
      'blk.*.attn_norm': 'transformer.h.*.ln_1',
      'blk.*.attn_qkv': 'transformer.h.*.attn.c_attn',
      'blk.*.attn_output': 'transformer.h.*.attn.c_proj',
      'blk.*.ffn_norm': 'transformer.h.*.ln_2',
      'blk.*.ffn_up': 'transformer.h.*.mlp.c_fc',
      'blk.*.ffn_down': 'transformer.h.*.mlp.c_proj',
    },
    changes: (name) =>
      /^(attn_qkv|attn_output|ffn_up|ffn_down)\.weight$/.test(name) ? { turned: true } : {},
  },
};

/** Of the largest models scores are divided by the root of E/H, of the others by that of the head. */
function queryScale(fields: GgufFields, layersOfTheLargest: number): unknown {
  const largest = fields.number('block_count') === layersOfTheLargest;
  const H = fields.number('attention.head_count') ?? 1;
  if (!largest) return fields.get('attention.key_length');
  return (fields.number('embedding_length') ?? 0) / H;
}
