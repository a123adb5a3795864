import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { createDecoder } from './decoder.ts';
import { createModel, modelParameters, readConfig, unusedBy } from './family.ts';
import { numbersOf, readSafetensors } from './formats/safetensors.ts';
import { randomWeights } from './random-weights.ts';
import { families } from './registry.ts';
import { fileTensors } from './save-model.ts';
import { headsOf } from './testing/golden-outputs.ts';
import { bytesOf, jsonOf, tinyFolder } from './testing/shared.ts';
import { buildWeights } from './weights.ts';

const sizes = {
  vocab_size: 20,
  hidden_size: 16,
  num_attention_heads: 4,
  num_hidden_layers: 2,
  intermediate_size: 10,
};
const { intermediate_size: _, ...plain } = sizes;
const fused: readonly (readonly [name: string, config: object])[] = [
  ['gpt2', { vocab_size: 20, n_embd: 12, n_head: 3, n_layer: 2, n_inner: 10, n_positions: 8 }],
  ['falcon', { ...plain, new_decoder_architecture: true, num_kv_heads: 2, bias: true, ffn_hidden_size: 10 }],
  ['falcon', { ...plain, multi_query: true, ffn_hidden_size: 10 }],
  ['phi3', { ...sizes, num_key_value_heads: 2, pad_token_id: 0 }],
  ['gpt_neox', { ...sizes, rotary_pct: 0.5 }],
  ['mixtral', { ...sizes, num_key_value_heads: 2, num_local_experts: 3, num_experts_per_tok: 2 }],
  [
    'gpt_oss',
    { ...sizes, head_dim: 4, num_key_value_heads: 2, num_local_experts: 3, num_experts_per_tok: 2 },
  ],
  [
    'deepseek_v3',
    {
      ...sizes,
      ...{ first_k_dense_replace: 1, n_routed_experts: 4, num_experts_per_tok: 2, moe_intermediate_size: 6 },
      ...{
        n_group: 2,
        topk_group: 1,
        kv_lora_rank: 6,
        qk_nope_head_dim: 4,
        qk_rope_head_dim: 2,
        v_head_dim: 3,
      },
    },
  ],
];

it.each(fused)('a %s of %o is saved as its files are, and read again', async (name, config) => {
  const device = createReference();
  const family = families[name as keyof typeof families]!;
  const json = { model_type: name, ...config };
  const weights = randomWeights(device, modelParameters(readConfig(family, json).model), { seed: 5 });
  const tensors = await fileTensors(family, json, weights);
  const again = createModel(device, family, json, new Map(Object.entries(tensors)));
  const saved = await fileTensors(family, json, weights);
  expect(saved).toEqual(tensors);
  if (again.kind !== 'decoder') throw new Error('no decoder');
  using session = again.model.start({ capacity: 4 });
  using logits = session.forward([3, 1, 4]);
  using direct = createDecoder({ ...again.model.parts, device, weights }).start({ capacity: 4 });
  using want = direct.forward([3, 1, 4]);
  expect(await logits.data()).toEqual(await want.data());
});

/** Of transformers: `model_type` of each folder of golden checkpoints. */
const folders = [
  'bart-a',
  'bert-a',
  'cohere2-a',
  'deepseek_v2-a',
  'deepseek_v3-a',
  'distilbert-a',
  'electra-a',
  'falcon_alibi-a',
  'falcon_mq-a',
  'falcon_new-a',
  'gemma2-a',
  'gemma3_text-a',
  'gpt2-a',
  'gpt_neox-a',
  'gpt_oss-a',
  'kimi_linear-b',
  'llama-a',
  'longformer-a',
  'marian-a',
  'mistral-a',
  'mixtral-a',
  'modernbert-a',
  'olmo2-a',
  'phi3-a',
  'qwen2-a',
  'qwen3-a',
  'qwen3_next-a',
  'qwen3_next-b',
  'roberta-a',
  'smollm3-a',
  't5-a',
  't5-c',
];

it.each(folders)('what transformers wrote is what is written again: %s', async (name) => {
  const folder = tinyFolder(name);
  if (!folder) return;
  for (const head of headsOf(folder)) {
    const device = createReference();
    const json = jsonOf<{ model_type: string }>(folder, `${head}config.json`);
    const family = families[json.model_type as keyof typeof families]!;
    const { tensors } = readSafetensors(bytesOf(folder, `${head}model.safetensors`));
    const { config, model } = readConfig(family, json);
    const extra = { copies: family.copies?.(config), unused: unusedBy(family, config) };
    const weights = buildWeights(device, modelParameters(model), tensors, family.weights(config), extra);
    const saved = await fileTensors(family, json, weights);
    const bare = (file: string): string =>
      file
        .replace(/^transformer\.(?=h\.|w[tp]e\.|ln_f)/, name === 'gpt2-a' ? '' : '$&')
        // what was published says so
        .replace(/block_sparse_moe\.(?=(gate|up|down)_proj)/, 'mlp.');
    const read = new Map([...tensors].map(([file, tensor]) => [bare(file), tensor]));
    for (const [file, { shape, data }] of Object.entries(saved)) {
      const want = read.get(file);
      expect(want?.shape, file).toEqual(shape);
      // a gain that is stored less 1 is rounded once more
      const numbers = Array.from(numbersOf(want!));
      expect(
        Math.max(...numbers.map((value, i) => Math.abs(value - (data as Float32Array)[i]!))),
        file,
      ).toBeLessThan(2e-7);
    }
    const left = [...read.keys()].filter((file) => !Object.hasOwn(saved, file));
    expect(
      left.filter(
        (file) =>
          !unusedBy(family, config)?.test(file) && !Object.hasOwn(family.copies?.(config) ?? {}, file),
      ),
    ).toEqual([]);
  }
});
