import { configure, groupedQuery } from '@headwise/attention-variants';
import { fromConfig, type HuggingFaceConfig } from '@headwise/positional';
import type { Device, PositionEncoding, Rotation } from '@headwise/tensor';
import { block } from './block.ts';
import { createDecoder, type Decoder, type DecoderParts, decoderParameters } from './decoder.ts';
import { FormatError } from './errors.ts';
import type { HostTensor } from './formats/safetensors.ts';
import { createSwiglu } from './parts/feed-forward.ts';
import { createRmsNorm } from './parts/norms.ts';
import { buildWeights, type WeightBuilder } from './weights.ts';

const FORMAT = 'llama config';

/** What a Llama is, from its `config.json`. */
export interface LlamaConfig {
  readonly V: number;
  readonly E: number;
  /** Inner width of the feed-forward. */
  readonly F: number;
  readonly layers: number;
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  /** Most positions it was trained for. */
  readonly context: number;
  readonly eps: number;
  readonly position: PositionEncoding;
  readonly tied: boolean;
  /** Ids that end a text: end-of-sequence, and begin-of-sequence, with which another one would begin. */
  readonly stopIds: readonly number[];
}

/**
 * Reads Hugging Face's `config.json` of a `LlamaForCausalLM`.
 *
 * @throws {FormatError} listing everything in it that is missing, wrong or not supported.
 */
export function readLlamaConfig(json: unknown): LlamaConfig {
  const config = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const problems: string[] = [];
  const count = (key: string, fallback?: number): number => {
    const value = config[key] ?? fallback;
    if (Number.isInteger(value) && (value as number) >= 1) return value as number;
    problems.push(`${key} must be a whole number ≥ 1, it is ${JSON.stringify(config[key])}`);
    return 1;
  };
  const positive = (key: string, value: unknown): number => {
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    problems.push(`${key} must be a number > 0, it is ${JSON.stringify(value)}`);
    return 1;
  };
  const only = (key: string, ...allowed: readonly unknown[]): void => {
    const value = config[key];
    if (value === undefined || allowed.includes(value)) return;
    problems.push(
      `${key} ${JSON.stringify(value)} is not supported, only ${allowed.map((a) => JSON.stringify(a)).join(', ')}`,
    );
  };

  if (config.model_type !== 'llama')
    problems.push(`model_type must be "llama", it is ${JSON.stringify(config.model_type)}`);
  only('hidden_act', 'silu');
  only('attention_bias', false);
  only('mlp_bias', false);
  const H = count('num_attention_heads');
  const E = count('hidden_size');
  const Hkv = count('num_key_value_heads', H);
  const D = count('head_dim', Math.max(2, Math.floor(E / H)));
  if (H % Hkv !== 0)
    problems.push(`num_attention_heads ${H} must be a multiple of num_key_value_heads ${Hkv}`);
  if (D % 2 !== 0) problems.push(`head_dim ${D} must be even, since its numbers turn in pairs`);
  const position = positionOf(config, problems);
  const read: LlamaConfig = {
    V: count('vocab_size'),
    E,
    F: count('intermediate_size'),
    layers: count('num_hidden_layers'),
    H,
    Hkv,
    D,
    // a cache keeps turned keys, which stay right up to the length where the angles change
    context: Math.min(count('max_position_embeddings'), position?.dependsOnLength?.boundary ?? Infinity),
    eps: positive('rms_norm_eps', config.rms_norm_eps ?? 1e-6),
    position: position ?? { kind: 'none', name: 'none' },
    tied: config.tie_word_embeddings === true,
    stopIds: ['bos_token_id', 'eos_token_id'].flatMap((key) => idsOf(key, config[key], problems)),
  };
  if (problems.length > 0) throw new FormatError(FORMAT, 'this is not a Llama that can be run', problems);
  return read;
}

/** The parts of a Llama: grouped-query attention, rotary positions, RMSNorm, SwiGLU. */
export function llamaParts(config: LlamaConfig): DecoderParts {
  const { V, E, H, D, layers, Hkv, F, eps, position, tied, context } = config;
  const norm = createRmsNorm({ eps });
  return {
    shape: { V, E, H, D, layers },
    blocks: block({ attention: configure(groupedQuery, { Hkv }), position, norm, mlp: createSwiglu({ F }) }),
    norm,
    tied,
    context,
  };
}

/** Name in a `LlamaForCausalLM` checkpoint of a weight of the decoder. */
export function llamaName(name: string): string {
  const [, layer, part] = /^layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (part === undefined) return top[name] ?? name;
  return `model.layers.${layer}.${inLayer[part] ?? part}.weight`;
}

const top: Readonly<Record<string, string>> = {
  embed: 'model.embed_tokens.weight',
  'norm.weight': 'model.norm.weight',
  head: 'lm_head.weight',
};

const inLayer: Readonly<Record<string, string>> = {
  'attentionNorm.weight': 'input_layernorm',
  'attention.q': 'self_attn.q_proj',
  'attention.k': 'self_attn.k_proj',
  'attention.v': 'self_attn.v_proj',
  'attention.o': 'self_attn.o_proj',
  'mlpNorm.weight': 'post_attention_layernorm',
  'mlp.gate': 'mlp.gate_proj',
  'mlp.up': 'mlp.up_proj',
  'mlp.down': 'mlp.down_proj',
};

/** The weights of a Llama: each is one tensor of its checkpoint. Never throws. */
export function llamaWeights(parts: DecoderParts): WeightBuilder {
  return (file) =>
    Object.fromEntries(Object.keys(decoderParameters(parts)).map((name) => [name, file(llamaName(name))]));
}

/**
 * A Llama from its config and the tensors of its safetensors files.
 *
 * @throws {FormatError} listing every tensor that is missing, unknown, or of a wrong shape or type.
 */
export function createLlama(
  device: Device,
  config: LlamaConfig,
  tensors: ReadonlyMap<string, HostTensor>,
): Decoder {
  const parts = llamaParts(config);
  const copies = { [llamaName('head')]: llamaName('embed') };
  const weights = buildWeights(device, decoderParameters(parts), tensors, llamaWeights(parts), copies);
  return createDecoder({ ...parts, device, weights });
}

function idsOf(key: string, value: unknown, problems: string[]): readonly number[] {
  const ids = value === undefined || value === null ? [] : [value].flat();
  if (!ids.every((id) => Number.isInteger(id) && (id as number) >= 0))
    problems.push(`${key} must be an id or a list of ids, it is ${JSON.stringify(value)}`);
  return ids as number[];
}

function positionOf(config: Record<string, unknown>, problems: string[]): Rotation | undefined {
  // of another architecture that is reported already, and its positions would only add noise
  if (config.model_type !== 'llama') return undefined;
  try {
    const position = fromConfig(config as HuggingFaceConfig);
    if (position.kind === 'rotation') return position;
    problems.push(`its positions must be rotary, they are "${position.name}"`);
  } catch (error) {
    problems.push((error as Error).message);
  }
  return undefined;
}
