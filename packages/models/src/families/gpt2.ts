import { configure, multiHead } from '@headwise/attention-variants';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { createMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { learnedPositions } from '../parts/trained-position.ts';
import { named, part, prefixed, transposed } from '../weight-sources.ts';

/**
 * GPT-2: multi-head attention, learned positions, LayerNorm before each part, a feed-forward with GELU.
 *
 * ```text
 * x = embed[id] + table[position]
 * h = x + attention(norm(x))      y = h + down · gelu(up · norm(h) + b) + b
 * ```
 *
 * @see Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.3; the scale 1/(layer + 1)
 * that some checkpoints have is of Karamcheti et al. 2021, "Mistral", {@link https://crfm.stanford.edu/2021/08/26/mistral.html}
 */
export const gpt2 = /* @__PURE__ */ defineFamily({
  name: 'gpt2',
  title: 'GPT-2',
  paper: {
    title: 'Language Models are Unsupervised Multitask Learners',
    authors: 'Radford et al.',
    year: 2019,
  },
  architectures: ['GPT2LMHeadModel'],

  config(fields) {
    const E = fields.count('n_embd');
    const H = fields.count('n_head');
    const layers = fields.count('n_layer', undefined, 10_000);
    if (E % H !== 0 && fields.sound('n_embd', 'n_head'))
      fields.problems.push(`n_embd ${E} must be a multiple of n_head ${H}`);
    fields.only('add_cross_attention', false);
    // the same numbers in another order of operations, for half precision
    fields.ignore('reorder_and_upcast_attn');
    // of the heads for multiple choice, and of files from before there were heads
    fields.ignore('summary_type', 'summary_use_proj', 'summary_activation', 'summary_first_dropout');
    fields.ignore('summary_proj_to_labels', 'n_ctx', 'output_past', 'predict_special_tokens', '_num_labels');
    return {
      shape: {
        V: fields.count('vocab_size'),
        E,
        H,
        D: Math.floor(E / H),
        layers,
        biases: ['q', 'k', 'v', 'o'],
      },
      F: fields.optionalCount('n_inner') ?? 4 * E,
      activation: activationOf(fields, 'activation_function', 'gelu_new'),
      eps: fields.epsilon('layer_norm_epsilon', 1e-5),
      scaled: fields.flag('scale_attn_weights', true),
      byLayer: fields.flag('scale_attn_by_inverse_layer_idx'),
      context: fields.count('n_positions', 1024),
      tied: fields.flag('tie_word_embeddings', true),
    };
  },

  model({ shape, F, activation, eps, scaled, byLayer, context, tied }) {
    const norm = createLayerNorm({ eps });
    const scaleOf = (layer: number): number =>
      (scaled ? 1 / Math.sqrt(shape.D) : 1) / (byLayer ? layer + 1 : 1);
    const blocks = (layer: number) =>
      block({
        attention: configure(multiHead, { scale: scaleOf(layer) }),
        norm,
        mlp: createMlp({ F, activation }),
      });
    const position = learnedPositions({ rows: context });
    return { kind: 'decoder', parts: { shape, blocks, position, norm, tied, context } };
  },

  // Conv1D keeps its matrices [in, out]
  weights: ({ shape: { E } }) =>
    prefixed(
      'transformer.',
      named({
        embed: 'wte.weight',
        'position.table': 'wpe.weight',
        'layers.*.attentionNorm.{weight,bias}': 'h.*.ln_1.{}',
        'layers.*.attention.{q,k,v}': (file, layer, which) =>
          transposed(part(file(`h.${layer}.attn.c_attn.weight`), 1, 'qkv'.indexOf(which) * E, E)),
        'layers.*.attention.{q,k,v}.bias': (file, layer, which) =>
          part(file(`h.${layer}.attn.c_attn.bias`), 0, 'qkv'.indexOf(which) * E, E),
        'layers.*.attention.o': (file, layer) => transposed(file(`h.${layer}.attn.c_proj.weight`)),
        'layers.*.attention.o.bias': 'h.*.attn.c_proj.bias',
        'layers.*.mlpNorm.{weight,bias}': 'h.*.ln_2.{}',
        'layers.*.mlp.up': (file, layer) => transposed(file(`h.${layer}.mlp.c_fc.weight`)),
        'layers.*.mlp.up.bias': 'h.*.mlp.c_fc.bias',
        'layers.*.mlp.down': (file, layer) => transposed(file(`h.${layer}.mlp.c_proj.weight`)),
        'layers.*.mlp.down.bias': 'h.*.mlp.c_proj.bias',
        'norm.{weight,bias}': 'ln_f.{}',
        // beside the model, never inside
        head: 'lm_head.weight',
      }),
    ),
  stored: ({ shape: { E }, F }) => ({
    'h.*.attn.c_attn.weight': [E, 3 * E],
    'h.*.attn.c_attn.bias': [3 * E],
    'h.*.attn.c_proj.weight': [E, E],
    'h.*.mlp.c_fc.weight': [E, F],
    'h.*.mlp.c_proj.weight': [F, E],
  }),
  copies: () => ({ 'lm_head.weight': 'transformer.wte.weight' }),
  unused: /\.attn\.(masked_)?bias$/,
});
