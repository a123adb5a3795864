import { configure, learnedSinks } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { windowOf, windowsOf } from '../formats/config-window.ts';
import { down, downBias, gateOrUp, gateOrUpBias, onlyMxfp4 } from '../formats/gpt-oss-experts.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { clampedSwiglu } from '../parts/clamped-swiglu.ts';
import { createExperts } from '../parts/experts.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { named } from '../weight-sources.ts';

/**
 * gpt-oss: a learned sink in every head, every second layer with a window, experts with biases and a clamped gate.
 *
 * ```text
 * h = x + attention(norm(x))      y = h + Σ_e share_e · (down_e · (silu_α(gate_e) · (up_e + 1)) + bias_e)
 * weights = softmax([s, sink]) without the last      share = softmax of the k largest of router · norm(h)
 * ```
 *
 * @see OpenAI 2025, "gpt-oss-120b & gpt-oss-20b Model Card", section 2, {@link https://arxiv.org/abs/2508.10925}
 */
export const gptOss = /* @__PURE__ */ defineFamily({
  name: 'gpt_oss',
  title: 'gpt-oss',
  paper: {
    title: 'gpt-oss-120b & gpt-oss-20b Model Card',
    authors: 'OpenAI',
    year: 2025,
    arxiv: '2508.10925',
  },
  architectures: ['GptOssForCausalLM'],

  config(fields) {
    const { E, H, D, Hkv } = headSizes(fields, { D: 64, Hkv: 8 });
    fields.only('hidden_act', 'silu');
    onlyMxfp4(fields);
    // of training; what older files say a second time
    fields.ignore(
      'router_aux_loss_coef',
      'output_router_logits',
      'experts_per_token',
      'initial_context_length',
    );
    const layers = fields.count('num_hidden_layers');
    const positions = positionsOf(fields);
    const X = fields.count('num_local_experts', 128, 4096);
    const k = fields.count('num_experts_per_tok', 4);
    if (k > X && fields.sound('num_local_experts'))
      fields.problems.push(`num_experts_per_tok ${k} must be at most num_local_experts ${X}`);
    const biases = fields.flag('attention_bias', true) ? ['q', 'k', 'v', 'o'] : [];
    return {
      shape: { V: fields.count('vocab_size'), E, H, D, layers, biases },
      Hkv,
      windows: windowsOf(fields, layers, windowOf(fields, 128), (layer) => layer % 2 === 0),
      experts: { X, k, F: fields.count('intermediate_size') },
      gate: { alpha: fields.positive('swiglu_alpha', 1.702), limit: fields.positive('swiglu_limit', 7) },
      eps: fields.epsilon('rms_norm_eps', 1e-5),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 131_072),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, Hkv, windows, experts, gate, eps, positions, context, tied }) {
    const norm = createRmsNorm({ eps });
    const mlp = createExperts({ ...experts, bias: true, gate: clampedSwiglu(gate) });
    const blocks = windows.map((window, layer) =>
      block({ attention: configure(learnedSinks, { window, Hkv }), position: positions[layer], norm, mlp }),
    );
    return { kind: 'decoder', parts: { shape, blocks: (layer) => blocks[layer]!, norm, tied, context } };
  },

  weights: ({ shape: { E }, experts: { X, F } }) => {
    const sizes = { X, E, F };
    const expertsAt = (layer: number): string => `model.layers.${layer}.mlp.experts`;
    return named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      'layers.*.attention.{q,k,v,o}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.attention.{q,k,v,o}.bias': 'model.layers.*.self_attn.{}_proj.bias',
      'layers.*.attention.sinks': 'model.layers.*.self_attn.sinks',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.router': 'model.layers.*.mlp.router.weight',
      'layers.*.mlp.router.bias': 'model.layers.*.mlp.router.bias',
      'layers.*.mlp.{gate,up}': (file, layer, which) => gateOrUp(file, expertsAt(layer), which, sizes),
      'layers.*.mlp.{gate,up}.bias': (file, layer, which) =>
        gateOrUpBias(file, expertsAt(layer), which, sizes),
      'layers.*.mlp.down': (file, layer) => down(file, expertsAt(layer), sizes),
      'layers.*.mlp.down.bias': (file, layer) => downBias(file, expertsAt(layer)),
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    });
  },
  stored: ({ shape: { E }, experts: { X, F } }) => ({
    'model.layers.*.mlp.experts.gate_up_proj': [X, E, 2 * F],
    'model.layers.*.mlp.experts.gate_up_proj_bias': [X, 2 * F],
    'model.layers.*.mlp.experts.down_proj': [X, F, E],
  }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
