import { type GgufFields, vocabulary } from './gguf-fields.ts';

/** What decoders of this shape have in common. Never throws. */
export function decoder(fields: GgufFields): Record<string, unknown> {
  const H = fields.number('attention.head_count');
  const E = fields.number('embedding_length');
  const D = fields.number('attention.key_length') ?? (H && E ? E / H : undefined);
  const turns = fields.number('rope.dimension_count');
  const value = fields.get('attention.value_length');
  return {
    hidden_size: fields.get('embedding_length'),
    intermediate_size: fields.get('feed_forward_length'),
    num_hidden_layers: fields.get('block_count'),
    num_attention_heads: fields.get('attention.head_count'),
    num_key_value_heads: fields.get('attention.head_count_kv'),
    head_dim: fields.get('attention.key_length'),
    ...(value !== undefined && value !== D && { 'attention.value_length': value }),
    max_position_embeddings: fields.get('context_length'),
    vocab_size: vocabulary(fields),
    tie_word_embeddings: !fields.has('output.weight'),
    rope_parameters: rope(fields),
    ...(turns !== undefined && D !== undefined && turns !== D && { partial_rotary_factor: turns / D }),
  };
}

/** Positions that turn, as `rope_parameters` says them. Never throws. */
export function rope(fields: GgufFields): Record<string, unknown> {
  const type = fields.get('rope.scaling.type') ?? 'none';
  const factor = fields.get('rope.scaling.factor');
  const original = fields.get('rope.scaling.original_context_length');
  const attention = fields.get('rope.scaling.attn_factor') ?? fields.get('rope.scaling.yarn_attn_factor');
  const [fast, slow] = [fields.get('rope.scaling.yarn_beta_fast'), fields.get('rope.scaling.yarn_beta_slow')];
  // says who made the file, and changes nothing
  fields.get('rope.scaling.finetuned');
  const rope_theta = fields.get('rope.freq_base') ?? 10_000;
  if (type === 'none') return { rope_type: 'default', rope_theta };
  return {
    rope_type: type,
    rope_theta,
    ...(factor !== undefined && { factor }),
    ...(original !== undefined && { original_max_position_embeddings: original }),
    ...(attention !== undefined && attention !== 1 && { attention_factor: attention }),
    ...(fast !== undefined && { beta_fast: fast }),
    ...(slow !== undefined && { beta_slow: slow }),
  };
}

/** What most of them say of their norms. Never throws. */
export const rms = (fields: GgufFields): object => ({
  rms_norm_eps: fields.get('attention.layer_norm_rms_epsilon'),
});

/** Names of a `…ForCausalLM` whose parts are Llama's. */
export const llamaNames = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
  'blk.*.attn_norm': 'model.layers.*.input_layernorm',
  'blk.*.attn_q': 'model.layers.*.self_attn.q_proj',
  'blk.*.attn_k': 'model.layers.*.self_attn.k_proj',
  'blk.*.attn_v': 'model.layers.*.self_attn.v_proj',
  'blk.*.attn_output': 'model.layers.*.self_attn.o_proj',
  'blk.*.attn_q_norm': 'model.layers.*.self_attn.q_norm',
  'blk.*.attn_k_norm': 'model.layers.*.self_attn.k_norm',
  'blk.*.ffn_norm': 'model.layers.*.post_attention_layernorm',
  'blk.*.ffn_gate': 'model.layers.*.mlp.gate_proj',
  'blk.*.ffn_up': 'model.layers.*.mlp.up_proj',
  'blk.*.ffn_down': 'model.layers.*.mlp.down_proj',
};
