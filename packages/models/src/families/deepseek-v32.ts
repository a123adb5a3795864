import { configure, indexedLatent } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import type { ConfigFields } from '../formats/config-fields.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { deepseekExpertShapes, deepseekMlpNames, sigmoidExperts } from '../formats/deepseek-experts.ts';
import { latentNames, latentShapes, latentSizes } from '../formats/latent-attention.ts';
import { createGatedMlp, type Mlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { sigmoidRouting } from '../parts/routing.ts';
import { gatedExperts } from '../parts/shared-expert.ts';
import { named, rowsOf, type WeightSource } from '../weight-sources.ts';

/**
 * DeepSeek-V3.2: DeepSeek-V3, whose latents are read where an indexer says: it scores every earlier token with heads of
 * its own and keeps the best.
 *
 * ```text
 * [c | kR] = kvDown · x      kI = layerNorm(W_k · x)      qI = W_q · norm(qDown · x)
 * I[i,j] = Σ_h (W_w · x)[i,h] · max(0, rotate(qI)[i,h] · rotate(kI)[j])
 * h = x + attention over the `index_topk` largest I      y = h + Σ_e share_e · swiglu_e(norm(h)) + swiglu(norm(h))
 * ```
 *
 * Queries and keys turn in pairs, those of the indexer in halves: the rows of its projections are put in the order of
 * pairs, which changes no product. What multiplies all its scores alike changes no choice and is left out.
 *
 * @see DeepSeek-AI 2025, "DeepSeek-V3.2: Pushing the Frontier of Open Large Language Models", section 2.1,
 * {@link https://arxiv.org/abs/2512.02556}
 */
export const deepseekV32 = /* @__PURE__ */ defineFamily({
  name: 'deepseek_v32',
  title: 'DeepSeek-V3.2',
  paper: {
    title: 'DeepSeek-V3.2: Pushing the Frontier of Open Large Language Models',
    authors: 'DeepSeek-AI',
    year: 2025,
    arxiv: '2512.02556',
  },
  architectures: ['DeepseekV32ForCausalLM'],

  config(fields) {
    const H = fields.count('num_attention_heads');
    const layers = fields.count('num_hidden_layers');
    fields.only('num_key_value_heads', H);
    fields.only('mlp_bias', false);
    // queries and keys always turn in pairs, index keys in halves
    fields.only('rope_interleave', true);
    fields.each('layer_types', layers, ['indexed_attention', 'deepseek_sparse_attention']);
    fields.ignore('num_nextn_predict_layers', 'num_mtp_layers');
    const { dense, experts } = sigmoidExperts(fields, layers, denseFirst(fields, layers));
    const { queryLatent, ...sizes } = latentSizes(fields);
    if (queryLatent === undefined)
      fields.problems.push('q_lora_rank null is not supported: the indexer reads the latent of queries');
    const width = fields.count('index_head_dim', 128);
    if (width < sizes.rope && fields.sound('index_head_dim', 'qk_rope_head_dim'))
      fields.problems.push(`index_head_dim ${width} must be at least qk_rope_head_dim ${sizes.rope}`);
    const positions = positionsOf(fields);
    return {
      shape: {
        V: fields.count('vocab_size'),
        E: fields.count('hidden_size'),
        H,
        D: sizes.D,
        Dv: sizes.Dv,
        layers,
        biases: fields.flag('attention_bias') ? ['qDown', 'kvDown', 'o'] : [],
      },
      sizes,
      queryLatent: queryLatent ?? 1,
      index: { count: fields.count('index_topk', 2048), heads: fields.count('index_n_heads', 64), width },
      dense,
      experts,
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      eps: fields.epsilon('rms_norm_eps', 1e-6),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 163_840),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, sizes, queryLatent, index, dense, experts, F, activation, eps, positions, context, tied }) {
    const { latent, rope, scale } = sizes;
    // the norms of the latents have an eps of their own
    const attention = configure(indexedLatent, { ...index, latent, rope, queryLatent, scale, normEps: 1e-6 });
    const norm = createRmsNorm({ eps });
    const plain = createGatedMlp({ F, activation });
    const sparse = experts && gatedExperts({ ...experts, activation, route: sigmoidRouting(experts) });
    const ofLayer = (mlp: Mlp) => block({ attention, position: positions[0], norm, mlp });
    const [first, rest] = [ofLayer(plain), ofLayer(sparse ?? plain)];
    return {
      kind: 'decoder',
      parts: { shape, blocks: (layer) => (layer < dense ? first : rest), norm, tied, context },
    };
  },

  weights: ({ shape: { H }, sizes, index: { heads, width }, dense, experts }) => {
    const inPairs = (source: WeightSource, count: number): WeightSource =>
      rowsOf(source, pairsOfHalves(count, width, sizes.rope));
    const at = (layer: number): string => `model.layers.${layer}.self_attn`;
    return named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      ...latentNames({ H, ...sizes }),
      'layers.*.attention.indexQuery': (file, l) => inPairs(file(`${at(l)}.indexer.wq_b.weight`), heads),
      'layers.*.attention.indexKey': (file, l) => inPairs(file(`${at(l)}.indexer.wk.weight`), 1),
      'layers.*.attention.indexNorm': (file, l) => inPairs(file(`${at(l)}.indexer.k_norm.weight`), 1),
      'layers.*.attention.indexNorm.bias': (file, l) => inPairs(file(`${at(l)}.indexer.k_norm.bias`), 1),
      'layers.*.attention.indexWeight': 'model.layers.*.self_attn.indexer.weights_proj.weight',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      ...deepseekMlpNames(dense, experts?.X ?? 0),
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    });
  },
  stored: ({ shape: { H, E }, sizes, queryLatent, index: { heads, width }, experts }) => ({
    ...latentShapes({ H, ...sizes }),
    ...(experts && deepseekExpertShapes(E, experts)),
    'model.layers.*.self_attn.indexer.wq_b.weight': [heads * width, queryLatent],
    'model.layers.*.self_attn.indexer.wk.weight': [width, E],
    'model.layers.*.self_attn.indexer.k_norm.weight': [width],
    'model.layers.*.self_attn.indexer.k_norm.bias': [width],
  }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
  // the layers behind the last one predict several tokens
  unused: ({ shape: { layers } }) => new RegExp(`^model\\.layers\\.${layers}\\.`),
});

/** How many layers come first that have no experts, where the file lists its layers: that counts, and nothing else does. */
function denseFirst(fields: ConfigFields, layers: number): number | undefined {
  const types = fields.each('mlp_layer_types', layers, ['dense', 'sparse']);
  if (!types) return undefined;
  const dense = types.indexOf('sparse') === -1 ? layers : types.indexOf('sparse');
  const late = types.lastIndexOf('dense');
  if (late > dense)
    fields.problems.push(
      `mlp_layer_types must have its dense layers first: layer ${late} is dense and layer ${dense} sparse`,
    );
  return dense;
}

/** Runs of rows: of each head the first `rope`, numbers `(i, i + rope / 2)` of which turn together, side by side; then the rest. */
function pairsOfHalves(heads: number, width: number, rope: number): readonly (readonly [number, number])[] {
  return Array.from({ length: heads }, (_, h) => [
    ...Array.from(
      { length: rope },
      (_, i) => [h * width + (i % 2) * (rope / 2) + Math.floor(i / 2), 1] as const,
    ),
    ...(width > rope ? [[h * width + rope, width - rope] as const] : []),
  ]).flat();
}
