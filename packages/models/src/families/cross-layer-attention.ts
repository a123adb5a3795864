import { configure, crossLayer, type SharingPattern } from '@headwise/attention-variants';
import { rotary } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { contextOf } from '../formats/config-positions.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { createSwiglu } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { type FileTensor, filled, named, scaledColumns, type WeightSource } from '../weight-sources.ts';

const patterns = {
  uniform: 'uniform',
  'keep-ends': 'keep-ends',
  'dense-front': 'dense-front',
  'dense-back': 'dense-back',
} as const satisfies Record<string, SharingPattern>;

/**
 * A decoder with cross-layer attention: layers read the keys and values of an earlier one, and have neither
 * projections for them nor a cache of their own.
 *
 * ```text
 * k, v of layer l = k, v of layer producer(l)      h = x + attention(norm(x))      y = h + swiglu(norm(h))
 * ```
 *
 * There is no published file format, so this one is ours: that of Llama, and in `config.json` beside its fields
 *
 * - `kv_sharing_factor` (default 2) layers that share, and `kv_sharing_pattern`: `uniform` (default), `keep-ends`,
 *   `dense-front` or `dense-back`, the layouts of the paper; or `kv_producers`, the producer of each layer;
 * - `kv_norm` (default false): keys and values read the norm with a gain of their own,
 *   `model.layers.*.self_attn.kv_norm.weight [E]`, as in the paper's models.
 *
 * `k_proj` and `v_proj` stand in the file for producers alone. Positions are rotary, with `rope_theta`.
 *
 * @see Brandon et al. 2024, "Reducing Transformer Key-Value Cache Size with Cross-Layer Attention", sections 2.3 and 3,
 * {@link https://arxiv.org/abs/2405.12981}
 */
export const crossLayerAttention = /* @__PURE__ */ defineFamily({
  name: 'cross_layer_attention',
  title: 'cross-layer attention decoder',
  paper: {
    title: 'Reducing Transformer Key-Value Cache Size with Cross-Layer Attention',
    authors: 'Brandon et al.',
    year: 2024,
    arxiv: '2405.12981',
  },
  architectures: ['CrossLayerAttentionForCausalLM'],

  config(fields) {
    const { E, H, D, Hkv } = headSizes(fields);
    fields.only('hidden_act', 'silu');
    const layers = fields.count('num_hidden_layers');
    const every = Array.from({ length: layers }, (_, layer) => layer);
    const producers = fields.each('kv_producers', layers, every);
    const pattern = fields.oneOf('kv_sharing_pattern', patterns, 'uniform');
    const factor = fields.optionalCount('kv_sharing_factor');
    if (producers && (fields.has('kv_sharing_pattern') || factor !== undefined))
      fields.problems.push('kv_producers says which layers share: leave out kv_sharing_factor and _pattern');
    return {
      shape: { V: fields.count('vocab_size'), E, H, D, layers },
      sharing: producers ? { pattern: producers } : { pattern, factor },
      kvNorm: fields.flag('kv_norm'),
      Hkv,
      F: fields.count('intermediate_size'),
      eps: fields.epsilon('rms_norm_eps', 1e-6),
      base: fields.positive('rope_theta', 10_000),
      context: contextOf(fields, undefined),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, sharing, Hkv, F, eps, base, context, tied }) {
    const norm = createRmsNorm({ eps });
    const attention = configure(crossLayer, { ...sharing, Hkv });
    const blocks = block({ attention, position: rotary({ base }), norm, mlp: createSwiglu({ F }) });
    return { kind: 'decoder', parts: { shape, blocks, norm, tied, context } };
  },

  weights: ({ kvNorm }) => {
    const inLayer = (file: FileTensor, layer: number, name: string): WeightSource =>
      file(`model.layers.${layer}.${name}.weight`);
    // two gains after one norm: each is folded into the projections that read it
    const folded = {
      'layers.*.attentionNorm.weight': (file: FileTensor, layer: number) =>
        filled(inLayer(file, layer, 'input_layernorm'), 1),
      'layers.*.attention.{q,k,v}': (file: FileTensor, layer: number, which: string) =>
        scaledColumns(
          inLayer(file, layer, `self_attn.${which}_proj`),
          inLayer(file, layer, which === 'q' ? 'input_layernorm' : 'self_attn.kv_norm'),
        ),
    };
    return named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      'layers.*.attention.{q,k,v}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.attention.o': 'model.layers.*.self_attn.o_proj.weight',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.{gate,up,down}': 'model.layers.*.mlp.{}_proj.weight',
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
      ...(kvNorm && folded),
    });
  },
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
