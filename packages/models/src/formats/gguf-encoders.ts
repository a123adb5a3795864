import { rope } from './gguf-decoder.ts';
import { type GgufArchitecture, type GgufFields, vocabulary } from './gguf-fields.ts';

/** An encoder as llama.cpp has it for embeddings, without the head that pooled it: BERT, and RoBERTa as one of them. */
export const bertOfGguf: GgufArchitecture = {
  modelType: () => 'bert',
  config: (fields) => ({ ...encoder(fields), architectures: ['BertModel'] }),
  names: {
    token_embd: 'embeddings.word_embeddings',
    token_types: 'embeddings.token_type_embeddings',
    position_embd: 'embeddings.position_embeddings',
    token_embd_norm: 'embeddings.LayerNorm',
    'blk.*.attn_q': 'encoder.layer.*.attention.self.query',
    'blk.*.attn_k': 'encoder.layer.*.attention.self.key',
    'blk.*.attn_v': 'encoder.layer.*.attention.self.value',
    'blk.*.attn_output': 'encoder.layer.*.attention.output.dense',
    'blk.*.attn_output_norm': 'encoder.layer.*.attention.output.LayerNorm',
    'blk.*.ffn_up': 'encoder.layer.*.intermediate.dense',
    'blk.*.ffn_down': 'encoder.layer.*.output.dense',
    'blk.*.layer_output_norm': 'encoder.layer.*.output.LayerNorm',
  },
};

/** nomic-bert likewise: rotary positions, gates, queries, keys and values in one matrix. */
export const nomicBertOfGguf: GgufArchitecture = {
  modelType: () => 'nomic_bert',
  config: (fields) => ({
    ...encoder(fields),
    architectures: ['NomicBertModel'],
    rope_parameters: rope(fields),
  }),
  names: {
    token_embd: 'embeddings.word_embeddings',
    token_types: 'embeddings.token_type_embeddings',
    token_embd_norm: 'emb_ln',
    'blk.*.attn_qkv': 'encoder.layers.*.attn.Wqkv',
    'blk.*.attn_output': 'encoder.layers.*.attn.out_proj',
    'blk.*.attn_output_norm': 'encoder.layers.*.norm1',
    'blk.*.ffn_gate': 'encoder.layers.*.mlp.fc12',
    'blk.*.ffn_up': 'encoder.layers.*.mlp.fc11',
    'blk.*.ffn_down': 'encoder.layers.*.mlp.fc2',
    'blk.*.layer_output_norm': 'encoder.layers.*.norm2',
  },
};

/** What encoders have in common. */
function encoder(fields: GgufFields): Record<string, unknown> {
  // how a text becomes one vector is its caller's business
  fields.get('pooling_type');
  const causal = fields.get('attention.causal');
  return {
    ...(causal === true && { 'attention.causal': true }),
    vocab_size: vocabulary(fields),
    type_vocab_size: fields.tensors.get('token_types.weight')?.shape[0],
    max_position_embeddings: fields.get('context_length'),
    hidden_size: fields.get('embedding_length'),
    num_hidden_layers: fields.get('block_count'),
    intermediate_size: fields.get('feed_forward_length'),
    num_attention_heads: fields.get('attention.head_count'),
    layer_norm_eps: fields.get('attention.layer_norm_epsilon'),
  };
}

/** One half of T5: its feed-forward is the part of that number. */
const half = (short: string, long: string, feedForward: number, gated: boolean): Record<string, string> => {
  const [from, to] = [`${short}.blk.*`, `${long}.block.*.layer`];
  const mlp = `${to}.${feedForward}.DenseReluDense`;
  return {
    [`${from}.attn_norm`]: `${to}.0.layer_norm`,
    [`${from}.attn_q`]: `${to}.0.SelfAttention.q`,
    [`${from}.attn_k`]: `${to}.0.SelfAttention.k`,
    [`${from}.attn_v`]: `${to}.0.SelfAttention.v`,
    [`${from}.attn_o`]: `${to}.0.SelfAttention.o`,
    [`${from}.attn_rel_b`]: `${to}.0.SelfAttention.relative_attention_bias`,
    [`${from}.ffn_norm`]: `${to}.${feedForward}.layer_norm`,
    [`${from}.ffn_gate`]: `${mlp}.wi_0`,
    [`${from}.ffn_up`]: `${mlp}.${gated ? 'wi_1' : 'wi'}`,
    [`${from}.ffn_down`]: `${mlp}.wo`,
    [`${short}.output_norm`]: `${long}.final_layer_norm`,
  };
};

const isGated = (tensors: ReadonlyMap<string, unknown>): boolean => tensors.has('enc.blk.0.ffn_gate.weight');

/** Encoder and decoder: T5, and what came after it with gated feed-forwards. */
export const t5OfGguf: GgufArchitecture = {
  modelType: () => 't5',
  config(fields) {
    // the same numbers once more, under the names that other architectures have for them
    fields.get('attention.layer_norm_epsilon');
    fields.get('context_length');
    const D = fields.get('attention.key_length');
    const Dv = fields.get('attention.value_length');
    return {
      ...(Dv !== undefined && Dv !== D && { 'attention.value_length': Dv }),
      vocab_size: vocabulary(fields),
      d_model: fields.get('embedding_length'),
      d_kv: D,
      d_ff: fields.get('feed_forward_length'),
      num_layers: fields.get('block_count'),
      num_decoder_layers: fields.get('decoder_block_count'),
      num_heads: fields.get('attention.head_count'),
      relative_attention_num_buckets: fields.get('attention.relative_buckets_count'),
      layer_norm_epsilon: fields.get('attention.layer_norm_rms_epsilon'),
      feed_forward_proj: isGated(fields.tensors) ? 'gated-gelu' : 'relu',
      tie_word_embeddings: !fields.has('output.weight'),
      decoder_start_token_id: fields.get('decoder_start_token_id'),
    };
  },
  names: ({ tensors }) => ({
    token_embd: 'shared',
    output: 'lm_head',
    ...half('enc', 'encoder', 1, isGated(tensors)),
    ...half('dec', 'decoder', 2, isGated(tensors)),
    'dec.blk.*.cross_attn_norm': 'decoder.block.*.layer.1.layer_norm',
    'dec.blk.*.cross_attn_q': 'decoder.block.*.layer.1.EncDecAttention.q',
    'dec.blk.*.cross_attn_k': 'decoder.block.*.layer.1.EncDecAttention.k',
    'dec.blk.*.cross_attn_v': 'decoder.block.*.layer.1.EncDecAttention.v',
    'dec.blk.*.cross_attn_o': 'decoder.block.*.layer.1.EncDecAttention.o',
    'dec.blk.*.cross_attn_rel_b': 'decoder.block.*.layer.1.EncDecAttention.relative_attention_bias',
  }),
};
