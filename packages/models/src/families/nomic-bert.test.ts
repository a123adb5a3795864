import { createReference } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import golden from '../../golden/encoder-options.json' with { type: 'json' };
import { createModel, readConfig } from '../family.ts';
import { ggufCheckpoint } from '../formats/gguf-checkpoint.ts';
import { loadModel } from '../load-model.ts';
import { memorySource } from '../sources/byte-sources.ts';
import { valuesOf } from '../testing/formula.ts';
import { writeGguf } from '../testing/gguf.ts';
import { nomicBert } from './nomic-bert.ts';

const bare = golden.cases.find(({ config }) => config.architectures[0] === 'NomicBertModel')!;
const { config } = bare;
const files = new Map(Object.entries(bare.tensors).map(([name, shape]) => [name, valuesOf(name, shape)]));

/** As the authors of the model wrote it, in GPT-2's words. */
const authors = {
  model_type: 'nomic_bert',
  architectures: ['NomicBertModel'],
  activation_function: 'swiglu',
  n_embd: config.hidden_size,
  n_head: config.num_attention_heads,
  n_inner: config.intermediate_size,
  n_layer: config.num_hidden_layers,
  n_positions: config.max_position_embeddings,
  vocab_size: config.vocab_size,
  type_vocab_size: 2,
  layer_norm_epsilon: 1e-12,
  rotary_emb_base: 1000,
  rotary_emb_fraction: 1,
  rotary_emb_interleaved: false,
  rotary_emb_scale_base: null,
  rotary_scaling_factor: null,
  qkv_proj_bias: false,
  mlp_fc1_bias: false,
  mlp_fc2_bias: false,
  prenorm: false,
  parallel_block: false,
  causal: false,
  use_rms_norm: false,
};

async function hiddenOf(json: object): Promise<number[]> {
  const { kind, model } = createModel(createReference(), nomicBert, json, files);
  if (kind !== 'encoder') throw new Error('must be an encoder');
  return Array.from(await model.encode([golden.ids]).hidden.data());
}

describe('nomic-bert', () => {
  it('of its authors is that of transformers', async () => {
    expect(await hiddenOf(authors)).toEqual(await hiddenOf(config));
  });

  it('in a GGUF file is that of transformers', async () => {
    const short = (name: string): string =>
      name
        .replace('embeddings.word_embeddings', 'token_embd')
        .replace('embeddings.token_type_embeddings', 'token_types')
        .replace('emb_ln', 'token_embd_norm')
        .replace('encoder.layers', 'blk')
        .replace('attn.Wqkv', 'attn_qkv')
        .replace('attn.out_proj', 'attn_output')
        .replace('norm1', 'attn_output_norm')
        .replace('mlp.fc12', 'ffn_gate')
        .replace('mlp.fc11', 'ffn_up')
        .replace('mlp.fc2', 'ffn_down')
        .replace('norm2', 'layer_output_norm');
    const counts = {
      vocab_size: config.vocab_size,
      context_length: config.max_position_embeddings!,
      embedding_length: config.hidden_size!,
      feed_forward_length: config.intermediate_size!,
      block_count: config.num_hidden_layers!,
      'attention.head_count': config.num_attention_heads!,
      pooling_type: 1,
    };
    const file = writeGguf({
      metadata: [
        ['general.architecture', ['text', 'nomic-bert']],
        ...Object.entries(counts).map(([key, value]) => [`nomic-bert.${key}`, ['u32', value]] as const),
        ['nomic-bert.attention.layer_norm_epsilon', ['f32', 1e-12]],
        ['nomic-bert.attention.causal', ['bool', 0]],
        ['nomic-bert.rope.freq_base', ['f32', 1000]],
      ],
      tensors: [...files].map(([name, { shape, data }]) => ({
        name: short(name),
        sizes: [...shape].reverse(),
        type: 0,
        bytes: new Uint8Array((data as Float32Array).slice().buffer),
      })),
    });
    const checkpoint = await ggufCheckpoint([memorySource(file)]);
    const { kind, model } = await loadModel(createReference(), checkpoint, {
      families: { nomic_bert: nomicBert },
    });
    if (kind !== 'encoder') throw new Error('must be an encoder');
    expect(Array.from(await model.encode([golden.ids]).hidden.data())).toEqual(await hiddenOf(config));
  });

  it.each([
    [{ qkv_proj_bias: true }, 'qkv_proj_bias true is not supported, only false'],
    [{ prenorm: true }, 'prenorm true is not supported, only false'],
    [{ activation_function: 'gelu' }, 'activation_function "gelu" is not supported, only "swiglu"'],
    [{ rotary_scaling_factor: 2 }, 'rotary_scaling_factor 2 is not supported, only null'],
    [{ n_head: 5 }, 'n_embd 16 must be a multiple of n_head 5'],
    [{ n_layer: 0 }, 'n_layer must be a whole number ≥ 1, it is 0'],
    [{ num_experts: 8 }, '"num_experts" 8 is not understood'],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(nomicBert, { ...authors, ...said })).toThrow(message);
  });
});
