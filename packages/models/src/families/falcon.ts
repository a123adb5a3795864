import { configure, groupedQuery } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { formOf } from '../formats/falcon-forms.ts';
import { ofGroups } from '../formats/grouped-projections.ts';
import { createMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { roundedAlibi } from '../parts/rounded-alibi.ts';
import { type FileTensor, named } from '../weight-sources.ts';

/** Positions of a table of biases: the rounded ones say little beyond the first hundreds. */
const MOST_BIASES = 2 ** 16;

/**
 * Falcon: attention and feed-forward side by side on one stream, all projections of a group of heads in one matrix.
 *
 * ```text
 * 7B             y = x + attention(norm(x)) + mlp(norm(x))             one key and value head, rotary
 * 40B and after  y = x + attention(norm₁(x)) + mlp(norm₂(x))           Hkv groups, rotary; 11B has one norm
 * RW             h = x + attention(norm₁(x))   y = h + mlp(norm₂(h))    a key and value for each head, ALiBi, biases
 * query_key_value [Hkv, H/Hkv + 2, D, E]: of each group its queries, then its key, then its value
 * ```
 *
 * @see Almazrouei et al. 2023, "The Falcon Series of Open Language Models", section 4,
 * {@link https://arxiv.org/abs/2311.16867}
 */
export const falcon = /* @__PURE__ */ defineFamily({
  name: 'falcon',
  title: 'Falcon',
  paper: {
    title: 'The Falcon Series of Open Language Models',
    authors: 'Almazrouei et al.',
    year: 2023,
    arxiv: '2311.16867',
  },
  architectures: ['FalconForCausalLM'],

  config(fields) {
    const [E, H] = [fields.count('hidden_size'), fields.count('num_attention_heads', undefined, 2 ** 16)];
    if (E % H !== 0 && fields.sound('hidden_size', 'num_attention_heads'))
      fields.problems.push(`hidden_size ${E} must be a multiple of num_attention_heads ${H}`);
    const { order, Hkv } = formOf(fields, H);
    if (H % Hkv !== 0 && fields.sound('num_attention_heads', 'num_kv_heads'))
      fields.problems.push(`num_attention_heads ${H} must be a multiple of num_kv_heads ${Hkv}`);
    fields.only('apply_residual_connection_post_layernorm', false);
    const bias = fields.flag('bias');
    const positions = positionsOf(fields, 'alibi') as readonly ConfigEncoding[];
    const layers = fields.count('num_hidden_layers');
    const alibi = fields.flag('alibi');
    const context = contextOf(fields, positions, 2048);
    if (alibi && context > MOST_BIASES)
      fields.problems.push(`max_position_embeddings ${context} must be at most ${MOST_BIASES} with alibi`);
    return {
      shape: {
        V: fields.count('vocab_size'),
        E,
        H,
        D: Math.max(1, Math.floor(E / H)),
        layers,
        biases: bias ? ['q', 'k', 'v', 'o'] : [],
      },
      Hkv,
      order,
      bias,
      F: fields.count('ffn_hidden_size', 4 * E),
      activation: activationOf(fields, 'activation', 'gelu'),
      eps: fields.epsilon('layer_norm_epsilon', 1e-5),
      alibi,
      positions,
      context,
      tied: fields.flag('tie_word_embeddings', true),
    };
  },

  model({ shape, Hkv, order, F, activation, bias, eps, alibi, positions, context, tied }) {
    const norm = createLayerNorm({ eps });
    const position = alibi ? roundedAlibi({ positions: context, scale: shape.D ** -0.5 }) : positions[0];
    const attention = configure(groupedQuery, { Hkv });
    const mlp = createMlp({ F, activation, bias });
    const blocks = block({ attention, position, norm, mlp, arrange: order.arrange });
    return { kind: 'decoder', parts: { shape, blocks, norm, tied, context } };
  },

  weights: ({ shape: { H, D }, Hkv, order }) => {
    const fused = (tail: string) => (file: FileTensor, layer: number, which: string) =>
      ofGroups(file(`transformer.h.${layer}.self_attention.query_key_value.${tail}`), which, { H, Hkv, D });
    return named({
      embed: 'transformer.word_embeddings.weight',
      ...Object.fromEntries(
        Object.entries(order.norms).map(([ours, theirs]) => [
          `layers.*.${ours}.{weight,bias}`,
          `transformer.h.*.${theirs}.{}`,
        ]),
      ),
      'layers.*.attention.{q,k,v}': fused('weight'),
      'layers.*.attention.{q,k,v}.bias': fused('bias'),
      'layers.*.attention.o': 'transformer.h.*.self_attention.dense.weight',
      'layers.*.attention.o.bias': 'transformer.h.*.self_attention.dense.bias',
      'layers.*.mlp.up': 'transformer.h.*.mlp.dense_h_to_4h.weight',
      'layers.*.mlp.up.bias': 'transformer.h.*.mlp.dense_h_to_4h.bias',
      'layers.*.mlp.down': 'transformer.h.*.mlp.dense_4h_to_h.weight',
      'layers.*.mlp.down.bias': 'transformer.h.*.mlp.dense_4h_to_h.bias',
      'norm.{weight,bias}': 'transformer.ln_f.{}',
      head: 'lm_head.weight',
    });
  },
  stored: ({ shape: { E, H, D }, Hkv }) => ({
    'transformer.h.*.self_attention.query_key_value.weight': [(H + 2 * Hkv) * D, E],
    'transformer.h.*.self_attention.query_key_value.bias': [(H + 2 * Hkv) * D],
  }),
  copies: () => ({ 'lm_head.weight': 'transformer.word_embeddings.weight' }),
});
