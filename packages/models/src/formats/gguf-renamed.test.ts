import { createReference } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { createModel, type Model } from '../family.ts';
import { loadModel } from '../load-model.ts';
import { families } from '../registry.ts';
import { memorySource } from '../sources/byte-sources.ts';
import { type Tensor, type Value, writeGguf } from '../testing/gguf.ts';
import { bytesOf, jsonOf, tinyFolder } from '../testing/shared.ts';
import { ggufCheckpoint } from './gguf-checkpoint.ts';
import { type HostTensor, readSafetensors } from './safetensors.ts';

type Config = Readonly<Record<string, number>>;
type Metadata = readonly (readonly [string, Value])[];

/** How llama.cpp's converter writes a checkpoint, as far as it renames and reorders. */
interface Converted {
  readonly folder: string;
  readonly head?: string;
  /** Fields that the format has no place for: the file of Hugging Face is read with these. */
  readonly config?: object;
  readonly left?: RegExp;
  readonly names: readonly (readonly [RegExp, string])[];
  readonly metadata: (config: Config) => Metadata;
  readonly data?: (name: string, tensor: HostTensor, config: Config) => Float32Array;
  /** Of one tensor several, before they get their names. */
  /** Of several tensors one, before they get their names. */
  readonly joined?: (tensors: ReadonlyMap<string, HostTensor>) => ReadonlyMap<string, HostTensor>;
  readonly split?: (name: string, tensor: HostTensor, config: Config) => Readonly<Record<string, Numbers>>;
}

interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const sizes = (arch: string, keys: Readonly<Record<string, number | undefined>>): Metadata => [
  ['general.architecture', ['text', arch]],
  ...Object.entries(keys)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [`${arch}.${key}`, [kindOf(key), value!]] as const),
];

function kindOf(key: string): 'f32' | 'bool' | 'u32' {
  if (key.endsWith('weights_norm')) return 'bool';
  return /epsilon|scale|factor|multiplier|freq_base|beta/.test(key) ? 'f32' : 'u32';
}

const falcon: Omit<Converted, 'folder'> = {
  names: [
    [/^transformer\.word_embeddings/, 'token_embd'],
    [/^transformer\.ln_f/, 'output_norm'],
    [/^transformer\.h\.(\d+)\.(?:input_layernorm|ln_mlp)/, 'blk.$1.attn_norm'],
    [/^transformer\.h\.(\d+)\.ln_attn/, 'blk.$1.attn_norm_2'],
    [/^transformer\.h\.(\d+)\.self_attention\.query_key_value/, 'blk.$1.attn_qkv'],
    [/^transformer\.h\.(\d+)\.self_attention\.dense/, 'blk.$1.attn_output'],
    [/^transformer\.h\.(\d+)\.mlp\.dense_h_to_4h/, 'blk.$1.ffn_up'],
    [/^transformer\.h\.(\d+)\.mlp\.dense_4h_to_h/, 'blk.$1.ffn_down'],
  ],
  metadata: (config) => [
    ...sizes('falcon', {
      context_length: config.max_position_embeddings,
      embedding_length: config.hidden_size,
      feed_forward_length: config.ffn_hidden_size,
      block_count: config.num_hidden_layers,
      'attention.head_count': config.num_attention_heads,
      'attention.head_count_kv': groupsOf(config),
      'attention.layer_norm_epsilon': config.layer_norm_epsilon,
    }),
    ['falcon.tensor_data_layout', ['text', 'jploski']],
  ],
  data(name, { data, shape }, config) {
    if (!name.includes('query_key_value')) return data as Float32Array;
    const [H, Hkv, E] = [config.num_attention_heads!, groupsOf(config), shape[1]!];
    const D = shape[0]! / (H + 2 * Hkv);
    const each = H / Hkv + 2;
    const head = (group: number, place: number): number[] =>
      Array.from(
        data.subarray((group * each + place) * D * E, (group * each + place + 1) * D * E) as Float32Array,
      );
    const groups = Array.from({ length: Hkv }, (_, group) => group);
    const queries = groups.flatMap((group) =>
      Array.from({ length: each - 2 }, (_, n) => head(group, n)).flat(),
    );
    const [keys, values] = [2, 1].map((back) => groups.flatMap((group) => head(group, each - back)));
    return Float32Array.from([...queries, ...keys!, ...values!]);
  },
};

function groupsOf(config: Config): number {
  return config.new_decoder_architecture ? config.num_kv_heads! : 1;
}

const half = (long: string, short: string, mlp: number): readonly (readonly [RegExp, string])[] => [
  [
    new RegExp(`^${long}\\.block\\.(\\d+)\\.layer\\.0\\.SelfAttention\\.([qkvo])\\.`),
    `${short}.blk.$1.attn_$2.`,
  ],
  [
    new RegExp(`^${long}\\.block\\.(\\d+)\\.layer\\.0\\.SelfAttention\\.relative_attention_bias`),
    `${short}.blk.$1.attn_rel_b`,
  ],
  [new RegExp(`^${long}\\.block\\.(\\d+)\\.layer\\.0\\.layer_norm`), `${short}.blk.$1.attn_norm`],
  [new RegExp(`^${long}\\.block\\.(\\d+)\\.layer\\.${mlp}\\.layer_norm`), `${short}.blk.$1.ffn_norm`],
  [
    new RegExp(`^${long}\\.block\\.(\\d+)\\.layer\\.${mlp}\\.DenseReluDense\\.wi_0`),
    `${short}.blk.$1.ffn_gate`,
  ],
  [
    new RegExp(`^${long}\\.block\\.(\\d+)\\.layer\\.${mlp}\\.DenseReluDense\\.wi(?:_1)?`),
    `${short}.blk.$1.ffn_up`,
  ],
  [
    new RegExp(`^${long}\\.block\\.(\\d+)\\.layer\\.${mlp}\\.DenseReluDense\\.wo`),
    `${short}.blk.$1.ffn_down`,
  ],
  [new RegExp(`^${long}\\.final_layer_norm`), `${short}.output_norm`],
];

const t5: Omit<Converted, 'folder'> = {
  // the format has no place for it
  config: { relative_attention_max_distance: 128 },
  names: [
    [/^shared/, 'token_embd'],
    [/^lm_head/, 'output'],
    ...half('encoder', 'enc', 1),
    ...half('decoder', 'dec', 2),
    [/^decoder\.block\.(\d+)\.layer\.1\.EncDecAttention\.([qkvo])\./, 'dec.blk.$1.cross_attn_$2.'],
    [/^decoder\.block\.(\d+)\.layer\.1\.layer_norm/, 'dec.blk.$1.cross_attn_norm'],
  ],
  metadata: (config) =>
    sizes('t5', {
      context_length: 512,
      embedding_length: config.d_model,
      feed_forward_length: config.d_ff,
      block_count: config.num_layers,
      decoder_block_count: config.num_decoder_layers,
      'attention.head_count': config.num_heads,
      'attention.key_length': config.d_kv,
      'attention.value_length': config.d_kv,
      'attention.layer_norm_epsilon': config.layer_norm_epsilon,
      'attention.layer_norm_rms_epsilon': config.layer_norm_epsilon,
      'attention.relative_buckets_count': config.relative_attention_num_buckets,
      decoder_start_token_id: config.decoder_start_token_id,
    }),
};

const bert: Omit<Converted, 'folder'> = {
  head: 'mlm/',
  config: { architectures: ['BertModel'] },
  left: /^cls\./,
  names: [
    [/^bert\.embeddings\.word_embeddings/, 'token_embd'],
    [/^bert\.embeddings\.token_type_embeddings/, 'token_types'],
    [/^bert\.embeddings\.position_embeddings/, 'position_embd'],
    [/^bert\.embeddings\.LayerNorm/, 'token_embd_norm'],
    [/^bert\.encoder\.layer\.(\d+)\.attention\.self\.query/, 'blk.$1.attn_q'],
    [/^bert\.encoder\.layer\.(\d+)\.attention\.self\.key/, 'blk.$1.attn_k'],
    [/^bert\.encoder\.layer\.(\d+)\.attention\.self\.value/, 'blk.$1.attn_v'],
    [/^bert\.encoder\.layer\.(\d+)\.attention\.output\.dense/, 'blk.$1.attn_output'],
    [/^bert\.encoder\.layer\.(\d+)\.attention\.output\.LayerNorm/, 'blk.$1.attn_output_norm'],
    [/^bert\.encoder\.layer\.(\d+)\.intermediate\.dense/, 'blk.$1.ffn_up'],
    [/^bert\.encoder\.layer\.(\d+)\.output\.dense/, 'blk.$1.ffn_down'],
    [/^bert\.encoder\.layer\.(\d+)\.output\.LayerNorm/, 'blk.$1.layer_output_norm'],
  ],
  metadata: (config) => [
    ...sizes('bert', {
      context_length: config.max_position_embeddings,
      embedding_length: config.hidden_size,
      feed_forward_length: config.intermediate_size,
      block_count: config.num_hidden_layers,
      'attention.head_count': config.num_attention_heads,
      'attention.layer_norm_epsilon': config.layer_norm_eps,
      pooling_type: 1,
    }),
    ['bert.attention.causal', ['bool', 0]],
  ],
};

const deepseek: Omit<Converted, 'folder'> = {
  names: [
    [/^model\.embed_tokens/, 'token_embd'],
    [/^model\.norm/, 'output_norm'],
    [/^lm_head/, 'output'],
    [/^model\.layers\.(\d+)\.input_layernorm/, 'blk.$1.attn_norm'],
    [/^model\.layers\.(\d+)\.self_attn\.q_proj/, 'blk.$1.attn_q'],
    [/^model\.layers\.(\d+)\.self_attn\.q_a_proj/, 'blk.$1.attn_q_a'],
    [/^model\.layers\.(\d+)\.self_attn\.q_a_layernorm/, 'blk.$1.attn_q_a_norm'],
    [/^model\.layers\.(\d+)\.self_attn\.q_b_proj/, 'blk.$1.attn_q_b'],
    [/^model\.layers\.(\d+)\.self_attn\.kv_a_proj_with_mqa/, 'blk.$1.attn_kv_a_mqa'],
    [/^model\.layers\.(\d+)\.self_attn\.kv_a_layernorm/, 'blk.$1.attn_kv_a_norm'],
    [/^model\.layers\.(\d+)\.self_attn\.(kv|k|v)_b_proj/, 'blk.$1.attn_$2_b'],
    [/^model\.layers\.(\d+)\.self_attn\.o_proj/, 'blk.$1.attn_output'],
    [/^model\.layers\.(\d+)\.post_attention_layernorm/, 'blk.$1.ffn_norm'],
    [/^model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj/, 'blk.$1.ffn_$2'],
    [/^model\.layers\.(\d+)\.mlp\.gate\.weight/, 'blk.$1.ffn_gate_inp.weight'],
    [/^model\.layers\.(\d+)\.mlp\.gate\.e_score_correction_bias/, 'blk.$1.exp_probs_b.bias'],
    [/^model\.layers\.(\d+)\.mlp\.experts\.(gate|up|down)_proj/, 'blk.$1.ffn_$2_exps'],
    [/^model\.layers\.(\d+)\.mlp\.shared_experts\.(gate|up|down)_proj/, 'blk.$1.ffn_$2_shexp'],
  ],
  joined: stackedExperts,
  metadata: (config) =>
    deepseekSizes(config, {
      'attention.head_count_kv': config.num_attention_heads,
      'attention.key_length': config.qk_nope_head_dim! + config.qk_rope_head_dim!,
      'attention.value_length': config.v_head_dim,
    }),
};

/** One tensor [X, …] of those of all experts, which stand in their order. */
function stackedExperts(tensors: ReadonlyMap<string, HostTensor>): ReadonlyMap<string, HostTensor> {
  const stacks = new Map<string, HostTensor>();
  for (const [name, tensor] of tensors) {
    const whole = name.replace(/\.experts\.\d+\./, '.experts.');
    const before = stacks.get(whole);
    const numbers = Array.from(tensor.data as Float32Array);
    const data = Float32Array.from([...((before?.data ?? []) as Float32Array), ...numbers]);
    const shape = whole === name ? tensor.shape : [(before?.shape[0] ?? 0) + 1, ...tensor.shape];
    stacks.set(whole, { dtype: 'F32', shape, data });
  }
  return stacks;
}

function deepseekSizes(config: Config, widths: Readonly<Record<string, number | undefined>>): Metadata {
  return sizes('deepseek2', {
    vocab_size: config.vocab_size,
    context_length: config.max_position_embeddings,
    embedding_length: config.hidden_size,
    feed_forward_length: config.intermediate_size,
    block_count: config.num_hidden_layers,
    'attention.head_count': config.num_attention_heads,
    'attention.layer_norm_rms_epsilon': config.rms_norm_eps,
    'attention.q_lora_rank': config.q_lora_rank ?? undefined,
    'attention.kv_lora_rank': config.kv_lora_rank,
    leading_dense_block_count: config.first_k_dense_replace,
    expert_feed_forward_length: config.moe_intermediate_size,
    expert_count: config.n_routed_experts,
    expert_shared_count: config.n_shared_experts,
    expert_used_count: config.num_experts_per_tok ?? undefined,
    expert_group_count: config.n_group ?? undefined,
    expert_group_used_count: config.topk_group ?? undefined,
    // V3 makes shares add up to 1, V2 says that it does not
    expert_gating_func: config.model_type === ('deepseek_v3' as unknown) ? 2 : 1,
    expert_weights_scale: config.routed_scaling_factor,
    expert_weights_norm: Number(config.norm_topk_prob),
    'rope.dimension_count': config.qk_rope_head_dim,
    'rope.freq_base': baseOf(config),
    ...widths,
  });
}

function baseOf(config: Config): number | undefined {
  const { rope_theta } = (config.rope_parameters ?? {}) as { rope_theta?: number };
  return rope_theta;
}

/** Of spring 2025 and later: what unfolds keys stands on its side, and the latent is one key for all heads. */
const unfolded: Omit<Converted, 'folder'> = {
  ...deepseek,
  metadata: (config) =>
    deepseekSizes(config, {
      'attention.head_count_kv': 1,
      'attention.key_length': config.kv_lora_rank! + config.qk_rope_head_dim!,
      'attention.value_length': config.kv_lora_rank,
      'attention.key_length_mla': config.qk_nope_head_dim! + config.qk_rope_head_dim!,
      'attention.value_length_mla': config.v_head_dim,
    }),
  split(name, { data, shape }, config): Readonly<Record<string, Numbers>> {
    if (!name.includes('kv_b_proj')) return { [name]: { shape, data: data as Float32Array } };
    const [H, D, Dv] = [config.num_attention_heads!, config.qk_nope_head_dim!, config.v_head_dim!];
    const latent = shape[1]!;
    const at = (h: number, row: number, c: number): number => Number(data[(h * (D + Dv) + row) * latent + c]);
    const k = Float32Array.from({ length: H * latent * D }, (_, i) =>
      at(Math.floor(i / (latent * D)), i % D, Math.floor(i / D) % latent),
    );
    const v = Float32Array.from({ length: H * Dv * latent }, (_, i) =>
      at(Math.floor(i / (Dv * latent)), D + (Math.floor(i / latent) % Dv), i % latent),
    );
    return {
      [name.replace('kv_b', 'k_b')]: { shape: [H, latent, D], data: k },
      [name.replace('kv_b', 'v_b')]: { shape: [H, Dv, latent], data: v },
    };
  },
};

const gptOss: Omit<Converted, 'folder'> = {
  // the format has no place for it
  config: { swiglu_limit: 7 },
  names: [
    [/^model\.embed_tokens/, 'token_embd'],
    [/^model\.norm/, 'output_norm'],
    [/^lm_head/, 'output'],
    [/^model\.layers\.(\d+)\.input_layernorm/, 'blk.$1.attn_norm'],
    [/^model\.layers\.(\d+)\.self_attn\.([qkv])_proj/, 'blk.$1.attn_$2'],
    [/^model\.layers\.(\d+)\.self_attn\.o_proj/, 'blk.$1.attn_output'],
    [/^model\.layers\.(\d+)\.self_attn\.sinks/, 'blk.$1.attn_sinks.weight'],
    [/^model\.layers\.(\d+)\.post_attention_layernorm/, 'blk.$1.post_attention_norm'],
    [/^model\.layers\.(\d+)\.mlp\.router/, 'blk.$1.ffn_gate_inp'],
    [/^model\.layers\.(\d+)\.mlp\.experts\.(gate|up|down)_proj/, 'blk.$1.ffn_$2_exps'],
  ],
  metadata: (config) => [
    ...sizes('gpt-oss', {
      vocab_size: config.vocab_size,
      context_length: config.max_position_embeddings,
      embedding_length: config.hidden_size,
      feed_forward_length: config.intermediate_size,
      block_count: config.num_hidden_layers,
      'attention.head_count': config.num_attention_heads,
      'attention.head_count_kv': config.num_key_value_heads,
      'attention.key_length': config.head_dim,
      'attention.value_length': config.head_dim,
      'attention.layer_norm_rms_epsilon': config.rms_norm_eps,
      'attention.sliding_window': config.sliding_window,
      expert_count: config.num_local_experts,
      expert_used_count: config.num_experts_per_tok,
      expert_feed_forward_length: config.intermediate_size,
      'rope.scaling.original_context_length': 32,
    }),
    ['gpt-oss.rope.freq_base', ['f32', 1500]],
    ['gpt-oss.rope.scaling.type', ['text', 'yarn']],
    ['gpt-oss.rope.scaling.factor', ['f32', 4]],
    ['gpt-oss.rope.scaling.yarn_beta_fast', ['f32', 32]],
    ['gpt-oss.rope.scaling.yarn_beta_slow', ['f32', 1]],
  ],
  split(name, { data, shape }): Readonly<Record<string, Numbers>> {
    const x = data as Float32Array;
    const ending = name.endsWith('_bias') ? '.bias' : '.weight';
    if (!name.includes('.experts.')) return { [name]: { shape, data: x } };
    // a bias is a row of each expert
    const [X, rows, columns] =
      ending === '.bias' ? [shape[0]!, 1, shape[1]!] : (shape as [number, number, number]);
    const turned = (first: number, step: number): Numbers => {
      const count = columns / step;
      const numbers = Float32Array.from({ length: X * count * rows }, (_, i) => {
        const [e, c, r] = [Math.floor(i / (count * rows)), Math.floor(i / rows) % count, i % rows];
        return x[(e * rows + r) * columns + first + c * step]!;
      });
      return { shape: ending === '.bias' ? [X, count] : [X, count, rows], data: numbers };
    };
    const as = (which: string): string =>
      name.replace(/(gate_up|down)_proj(_bias)?$/, `${which}_proj${ending}`);
    if (!name.includes('gate_up')) return { [as('down')]: turned(0, 1) };
    return { [as('gate')]: turned(0, 2), [as('up')]: turned(1, 2) };
  },
};

const all: readonly Converted[] = [
  { folder: 'gpt_oss-a', ...gptOss },
  { folder: 'deepseek_v2-a', ...deepseek },
  { folder: 'deepseek_v2-a', ...unfolded },
  { folder: 'deepseek_v3-a', ...deepseek },
  { folder: 'deepseek_v3-a', ...unfolded },
  { folder: 'deepseek_v2-m', ...deepseek },
  {
    folder: 'deepseek_v3-m',
    ...unfolded,
    config: { rope_parameters: { rope_type: 'default', rope_theta: 1e4 } },
  },
  { folder: 'falcon_mq-a', ...falcon },
  { folder: 'falcon_new-a', ...falcon },
  { folder: 't5-a', ...t5 },
  { folder: 't5-c', ...t5 },
  { folder: 'bert-a', ...bert },
];

describe.each(all)(
  '$folder as llama.cpp writes it',
  ({ folder, head = '', config: said, left, names, metadata, data, joined, split }) => {
    const shared = tinyFolder(folder);

    it.skipIf(!shared)('is the model that it was', async () => {
      const config = { ...jsonOf<Config & { model_type: string }>(shared!, `${head}config.json`), ...said };
      const read = readSafetensors(bytesOf(shared!, `${head}model.safetensors`)).tensors;
      const kept = new Map([...read].filter(([name]) => !left?.test(name)));
      const parts = [...(joined?.(kept) ?? kept)].flatMap(([name, tensor]) => {
        const numbers = data?.(name, tensor, config) ?? (tensor.data as Float32Array);
        return Object.entries(split?.(name, tensor, config) ?? { [name]: { ...tensor, data: numbers } });
      });
      const tensors = parts.map(([name, { shape, data: numbers }]): Tensor => {
        const rule = names.find(([pattern]) => pattern.test(name));
        if (!rule) throw new Error(`${name} has no name in the format`);
        const bytes = new Uint8Array(Float32Array.from(numbers).buffer);
        return {
          name: name.replace(...(rule as [RegExp, string])),
          sizes: [...shape].reverse(),
          type: 0,
          bytes,
        };
      });
      const device = createReference();
      const was = createModel(device, families[config.model_type]!, config, kept);
      const file = writeGguf({ metadata: metadata(config), tensors });
      const is = await loadModel(device, await ggufCheckpoint([memorySource(file)]), { families });
      const [before, now] = [await outputOf(was), await outputOf(is)];
      expect(before.length).toBeGreaterThan(100);
      expect(now).toEqual(before);
      device.dispose();
    });
  },
);

/** What a model makes of a few ids. */
async function outputOf({ kind, model }: Model): Promise<readonly number[]> {
  const ids = [3, 17, 8, 29, 11, 5];
  if (kind === 'encoder') return Array.from(await model.encode([ids]).hidden.data());
  using session = kind === 'decoder' ? model.start({ capacity: 8 }) : model.start([ids], { capacity: 8 });
  return Array.from(await session.forward(ids).data());
}
