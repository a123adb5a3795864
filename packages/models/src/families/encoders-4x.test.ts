import { describe, expect, it } from 'vitest';
import { type Family, readConfig } from '../family.ts';
import { bart } from './bart.ts';
import { bert } from './bert.ts';
import { distilbert } from './distilbert.ts';
import { electra } from './electra.ts';
import { longformer } from './longformer.ts';
import { marian } from './marian.ts';
import { modernbert } from './modernbert.ts';
import { roberta } from './roberta.ts';
import { t5 } from './t5.ts';
import { transformer } from './transformer.ts';

const bertBase = {
  attention_probs_dropout_prob: 0.1,
  gradient_checkpointing: false,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  hidden_size: 768,
  initializer_range: 0.02,
  intermediate_size: 3072,
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  num_attention_heads: 12,
  num_hidden_layers: 12,
  pad_token_id: 0,
  position_embedding_type: 'absolute',
  transformers_version: '4.6.0.dev0',
  torch_dtype: 'float32',
  type_vocab_size: 2,
  use_cache: true,
  vocab_size: 30522,
};

const { hidden_act: _act, type_vocab_size: _types, ...withoutTypes } = bertBase;

const bartBase = {
  _num_labels: 3,
  activation_dropout: 0.1,
  add_bias_logits: false,
  add_final_layer_norm: false,
  attention_dropout: 0.1,
  bos_token_id: 0,
  classif_dropout: 0.1,
  classifier_dropout: 0,
  d_model: 768,
  decoder_attention_heads: 12,
  decoder_ffn_dim: 3072,
  decoder_layerdrop: 0,
  decoder_layers: 6,
  decoder_start_token_id: 2,
  dropout: 0.1,
  early_stopping: true,
  encoder_attention_heads: 12,
  encoder_ffn_dim: 3072,
  encoder_layerdrop: 0,
  encoder_layers: 6,
  eos_token_id: 2,
  forced_eos_token_id: 2,
  gradient_checkpointing: false,
  id2label: { 0: 'LABEL_0', 1: 'LABEL_1', 2: 'LABEL_2' },
  init_std: 0.02,
  is_encoder_decoder: true,
  max_position_embeddings: 1024,
  no_repeat_ngram_size: 3,
  normalize_before: false,
  num_beams: 4,
  num_hidden_layers: 6,
  pad_token_id: 1,
  scale_embedding: false,
  task_specific_params: { summarization: { length_penalty: 1 } },
  torch_dtype: 'float32',
  transformers_version: '4.12.0.dev0',
  use_cache: true,
  vocab_size: 50265,
};

const t5Base = {
  d_ff: 2048,
  d_kv: 64,
  d_model: 512,
  decoder_start_token_id: 0,
  dropout_rate: 0.1,
  eos_token_id: 1,
  initializer_factor: 1,
  is_encoder_decoder: true,
  layer_norm_epsilon: 1e-6,
  n_positions: 512,
  num_heads: 8,
  num_layers: 6,
  output_past: true,
  pad_token_id: 0,
  relative_attention_num_buckets: 32,
  task_specific_params: {},
  vocab_size: 32128,
};

/** What files of transformers 4.x carry, with what of it no part reads. */
const files: readonly { readonly family: Family; readonly json: object }[] = [
  {
    family: bert,
    json: {
      ...bertBase,
      architectures: ['BertForMaskedLM'],
      directionality: 'bidi',
      pooler_fc_size: 768,
      pooler_num_attention_heads: 12,
      pooler_num_fc_layers: 3,
      pooler_size_per_head: 128,
      pooler_type: 'first_token_transform',
    },
  },
  {
    family: roberta,
    json: {
      ...bertBase,
      architectures: ['RobertaForSequenceClassification'],
      _num_labels: 3,
      bos_token_id: 0,
      eos_token_id: 2,
      id2label: { 0: 'negative', 1: 'neutral', 2: 'positive' },
      label2id: { negative: 0, neutral: 1, positive: 2 },
      max_position_embeddings: 514,
      pad_token_id: 1,
      type_vocab_size: 1,
    },
  },
  {
    family: distilbert,
    json: {
      activation: 'gelu',
      architectures: ['DistilBertForSequenceClassification'],
      attention_dropout: 0.1,
      dim: 768,
      dropout: 0.1,
      finetuning_task: 'sst-2',
      hidden_dim: 3072,
      id2label: { 0: 'NEGATIVE', 1: 'POSITIVE' },
      initializer_range: 0.02,
      max_position_embeddings: 512,
      n_heads: 12,
      n_layers: 6,
      output_past: true,
      pad_token_id: 0,
      qa_dropout: 0.1,
      seq_classif_dropout: 0.2,
      sinusoidal_pos_embds: false,
      tie_weights_: true,
      vocab_size: 30522,
    },
  },
  {
    family: electra,
    json: {
      ...bertBase,
      architectures: ['ElectraForPreTraining'],
      embedding_size: 128,
      hidden_size: 256,
      num_attention_heads: 4,
      summary_activation: 'gelu',
      summary_last_dropout: 0.1,
      summary_type: 'first',
      summary_use_proj: true,
    },
  },
  {
    family: modernbert,
    json: {
      ...withoutTypes,
      architectures: ['ModernBertForMaskedLM'],
      attention_bias: false,
      classifier_activation: 'gelu',
      classifier_bias: false,
      classifier_pooling: 'mean',
      cls_token_id: 50281,
      decoder_bias: true,
      deterministic_flash_attn: false,
      global_attn_every_n_layers: 3,
      global_rope_theta: 160000,
      hidden_activation: 'gelu',
      local_attention: 128,
      local_rope_theta: 10000,
      max_position_embeddings: 8192,
      norm_eps: 1e-5,
      pad_token_id: 50283,
      reference_compile: null,
      repad_logits_with_grad: false,
      sparse_pred_ignore_index: -100,
      sparse_prediction: false,
      vocab_size: 50368,
    },
  },
  {
    family: longformer,
    json: {
      ...bertBase,
      architectures: ['LongformerForMaskedLM'],
      attention_mode: 'longformer',
      attention_window: Array(12).fill(512),
      ignore_attention_mask: false,
      max_position_embeddings: 4098,
      pad_token_id: 1,
      sep_token_id: 2,
      type_vocab_size: 1,
    },
  },
  { family: t5, json: { ...t5Base, architectures: ['T5WithLMHeadModel'] } },
  {
    family: t5,
    json: { ...t5Base, feed_forward_proj: 'gated-gelu', tie_word_embeddings: false, num_decoder_layers: 8 },
  },
  { family: bart, json: { ...bartBase, normalize_embedding: true, static_position_embeddings: false } },
  {
    family: marian,
    json: {
      ...bartBase,
      activation_function: 'swish',
      bad_words_ids: [[50264]],
      decoder_start_token_id: 50264,
      decoder_vocab_size: 50265,
      extra_pos_embeddings: 50265,
      normalize_embedding: false,
      pad_token_id: 50264,
      scale_embedding: true,
      share_encoder_decoder_embeddings: true,
      static_position_embeddings: true,
    },
  },
];

const named = files.map(({ family, json }) => ({ name: family.name, family, json }));

describe('files of transformers 4.x', () => {
  it.each(named)('of $name are read whole', ({ family, json }) => {
    const { model } = readConfig(family, { ...json, model_type: family.name });
    expect(model.kind).toMatch(/encoder/);
  });
});

const layersOf = [
  [bert, 'num_hidden_layers'],
  [roberta, 'num_hidden_layers'],
  [electra, 'num_hidden_layers'],
  [modernbert, 'num_hidden_layers'],
  [longformer, 'num_hidden_layers'],
  [distilbert, 'n_layers'],
  [t5, 'num_layers'],
  [t5, 'num_decoder_layers'],
  [bart, 'encoder_layers'],
  [marian, 'decoder_layers'],
  [transformer, 'encoder_layers'],
] as const;

it.each(layersOf.map(([family, key]) => ({ name: family.name, family: family as Family, key })))(
  '$name refuses more layers than any model has before it looks at them: $key',
  ({ family, key }) => {
    const { json } = files.find((file) => file.family === family) ?? { json: {} };
    const config = { ...json, model_type: family.name, [key]: 9_000_000 };
    expect(() => readConfig(family, config)).toThrow(`${key} must be at most 10000`);
  },
);
