import { configure, crossAttention, multiHead } from '@headwise/attention-variants';
import { block } from '../block.ts';
import type { DecoderShape } from '../decoder.ts';
import type { Family, ModelParts } from '../family.ts';
import { tanhGelu } from '../parts/activations.ts';
import { createGatedMlp, createMlp, type Mlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { bucketPositions } from '../parts/trained-position.ts';
import { named, type WeightBuilder } from '../weight-sources.ts';
import { activationNames } from './config-activation.ts';
import type { ConfigFields } from './config-fields.ts';

/** What `config.json` says of the models that came after T5, in T5's words. */
export interface T5Sizes {
  readonly shape: Omit<DecoderShape, 'layers'>;
  readonly layers: number;
  readonly decoderLayers: number;
  readonly mlp: Mlp;
  readonly eps: number;
  readonly buckets: number;
  readonly maxDistance: number;
}

/**
 * Sizes under T5's names.
 * @param feedForward where the file is silent: `relu`, `gated-gelu`
 */
export function t5Sizes(fields: ConfigFields, feedForward: string): T5Sizes {
  const layers = fields.layers('num_layers');
  // how it was trained; what follows from feed_forward_proj; a length that no part of the model knows
  fields.ignore('dropout_rate', 'dense_act_fn', 'n_positions', 'output_past', 'num_labels', '_num_labels');
  return {
    shape: {
      V: fields.count('vocab_size'),
      E: fields.count('d_model'),
      H: fields.count('num_heads'),
      D: fields.count('d_kv', 64),
    },
    layers,
    decoderLayers: fields.layers('num_decoder_layers', layers),
    mlp: mlpOf(fields, feedForward),
    eps: fields.epsilon('layer_norm_epsilon', 1e-6),
    buckets: fields.count('relative_attention_num_buckets', 32),
    maxDistance: fields.count('relative_attention_max_distance', 128),
  };
}

/**
 * Both halves.
 * @param scaled whether the head, which is the embedding table then, reads what was divided by the root of E
 */
export function t5Parts(sizes: T5Sizes, scaled: boolean): ModelParts {
  const { shape, layers, decoderLayers, mlp, eps, buckets, maxDistance } = sizes;
  const norm = createRmsNorm({ eps });
  const scale = 1;
  return {
    kind: 'encoder-decoder',
    parts: {
      encoder: {
        shape: { ...shape, layers },
        blocks: block({
          attention: configure(multiHead, { causal: false, scale }),
          position: bucketPositions({ buckets, maxDistance, bidirectional: true }),
          mlp,
          norm,
        }),
        norm,
      },
      decoder: {
        shape: { ...shape, layers: decoderLayers },
        blocks: block({
          attention: configure(multiHead, { scale }),
          position: bucketPositions({ buckets, maxDistance }),
          cross: configure(crossAttention, { scale }),
          mlp,
          norm,
        }),
        norm,
        tied: scaled,
        logitScale: scaled ? 1 / Math.sqrt(shape.E) : 1,
      },
    },
  };
}

/** Weights of both halves by T5's names. Never throws. */
export function t5Weights({ mlp, shape }: T5Sizes): WeightBuilder {
  const up = 'gate' in mlp.parameters(shape.E) ? 'wi_1' : 'wi';
  const half = (name: string, place: number): Parameters<typeof named>[0] => {
    const layer = `${name}.block.*.layer`;
    return {
      [`${name}.layers.*.attentionNorm.weight`]: `${layer}.0.layer_norm.weight`,
      [`${name}.layers.*.attention.{q,k,v,o}`]: `${layer}.0.SelfAttention.{}.weight`,
      [`${name}.layers.*.attention.position.table`]: `${name}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`,
      [`${name}.layers.*.mlpNorm.weight`]: `${layer}.${place}.layer_norm.weight`,
      [`${name}.layers.*.mlp.up`]: `${layer}.${place}.DenseReluDense.${up}.weight`,
      [`${name}.layers.*.mlp.gate`]: `${layer}.${place}.DenseReluDense.wi_0.weight`,
      [`${name}.layers.*.mlp.down`]: `${layer}.${place}.DenseReluDense.wo.weight`,
      [`${name}.norm.weight`]: `${name}.final_layer_norm.weight`,
    };
  };
  return named({
    'encoder.embed': 'shared.weight',
    ...half('encoder', 1),
    ...half('decoder', 2),
    'decoder.layers.*.crossNorm.weight': 'decoder.block.*.layer.1.layer_norm.weight',
    'decoder.layers.*.cross.{q,k,v,o}': 'decoder.block.*.layer.1.EncDecAttention.{}.weight',
    // tied all the same: then it is not in the file
    'decoder.head': (file) => (file('lm_head.weight').shape ? file('lm_head.weight') : file('shared.weight')),
  });
}

/** What such a file may hold twice, or for nothing. */
export const t5Extras: Pick<Family, 'copies' | 'unused'> = {
  copies: () => ({
    'lm_head.weight': 'shared.weight',
    'encoder.embed_tokens.weight': 'shared.weight',
    'decoder.embed_tokens.weight': 'shared.weight',
  }),
  // the decoder reads its source without a bias, though the first files have one
  unused: /EncDecAttention\.relative_attention_bias\.weight$/,
};

/** `relu`, or `gated-gelu`: by which the files of v1.1 mean the tanh form. */
function mlpOf(fields: ConfigFields, silent: string): Mlp {
  const F = fields.count('d_ff');
  const plain = Object.entries(activationNames).map(
    ([name, activation]) => [name, createMlp({ F, bias: false, activation })] as const,
  );
  const gated = Object.entries(activationNames).map(
    ([name, activation]) =>
      [`gated-${name}`, createGatedMlp({ F, activation: name === 'gelu' ? tanhGelu : activation })] as const,
  );
  const isGated = String(fields.get('feed_forward_proj') ?? silent).startsWith('gated-');
  fields.only('is_gated_act', isGated);
  return fields.oneOf('feed_forward_proj', Object.fromEntries([...plain, ...gated]), silent);
}
