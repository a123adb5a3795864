import { configure, groupedQuery } from '@headwise/attention-variants';
import { fromConfig, type HuggingFaceConfig } from '@headwise/positional';
import { type Device, type PositionEncoding, type Rotation, ValueError } from '@headwise/tensor';
import { block } from './block.ts';
import { createDecoder, type Decoder, type DecoderParts, decoderParameters } from './decoder.ts';
import { FormatError } from './errors.ts';
import { ConfigFields } from './formats/config-fields.ts';
import { readJson, shown } from './formats/json.ts';
import type { HostTensor } from './formats/safetensors.ts';
import { createSwiglu } from './parts/feed-forward.ts';
import { createRmsNorm } from './parts/norms.ts';
import { buildWeights, type WeightBuilder } from './weights.ts';

const FORMAT = 'llama config';
const ARCHITECTURE = 'LlamaForCausalLM';
/** Far above every model there is, and little work: what a file says is looked at layer by layer. */
const MOST_LAYERS = 10_000;
/** What positions are made from. */
const sizes = ['num_hidden_layers', 'num_attention_heads', 'hidden_size', 'head_dim'];

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
 * @param json the file (its bytes or its text, which are read strictly), or what `JSON.parse` made of it
 * @throws {FormatError} listing everything in it that is missing, wrong or not supported, by the names of its fields.
 */
export function readLlamaConfig(json: unknown): LlamaConfig {
  const isFile = typeof json === 'string' || ArrayBuffer.isView(json);
  const value = isFile ? readJson(json as string | Uint8Array, FORMAT) : json;
  const fields = new ConfigFields(value);
  const { problems } = fields;
  checkArchitecture(fields);
  fields.only('hidden_act', 'silu');
  fields.only('attention_bias', false);
  fields.only('mlp_bias', false);
  const H = fields.count('num_attention_heads');
  const E = fields.count('hidden_size');
  const Hkv = fields.count('num_key_value_heads', H);
  const D = fields.count('head_dim', Math.max(2, Math.floor(E / H)));
  if (H % Hkv !== 0)
    problems.push(`num_attention_heads ${H} must be a multiple of num_key_value_heads ${Hkv}`);
  const said = fields.has('head_dim');
  if (!said && E % H !== 0 && fields.sound('hidden_size', 'num_attention_heads'))
    problems.push(
      `hidden_size ${E} must be a multiple of num_attention_heads ${H}, where there is no head_dim`,
    );
  else if (D % 2 !== 0) {
    const width = said ? `head_dim ${D}` : `hidden_size ${E} / num_attention_heads ${H}`;
    problems.push(`${width} must be even, since its numbers turn in pairs`);
  }
  const layers = fields.count('num_hidden_layers', undefined, MOST_LAYERS);
  const position = positionOf(fields);
  const V = fields.count('vocab_size');
  const read: LlamaConfig = {
    V,
    E,
    F: fields.count('intermediate_size'),
    layers,
    H,
    Hkv,
    D,
    // a cache keeps turned keys, which stay right up to the length where the angles change
    context: Math.min(
      fields.count('max_position_embeddings', undefined, Number.MAX_SAFE_INTEGER),
      position?.dependsOnLength?.boundary ?? Infinity,
    ),
    eps: fields.positive('rms_norm_eps', 1e-6),
    position: position ?? { kind: 'none', name: 'none' },
    tied: fields.flag('tie_word_embeddings'),
    stopIds: ['bos_token_id', 'eos_token_id'].flatMap((key) => fields.ids(key, V)),
  };
  if (problems.length > 0) throw new FormatError(FORMAT, 'this is not a Llama that can be run', problems);
  return read;
}

/** A file that says what it is twice must say the same. */
function checkArchitecture(fields: ConfigFields): void {
  const type = fields.get('model_type');
  if (type !== 'llama') fields.problems.push(`model_type must be "llama", it is ${shown(type)}`);
  const named = fields.get('architectures') ?? [];
  if (!Array.isArray(named) || !named.every((name) => typeof name === 'string'))
    fields.problems.push(`architectures must be a list of names, it is ${shown(named)}`);
  else if (type === 'llama' && named.some((name) => name !== ARCHITECTURE))
    fields.problems.push(
      `architectures ${shown(named)} contradicts model_type "llama", which is ${ARCHITECTURE}`,
    );
}

/**
 * The parts of a Llama: grouped-query attention, rotary positions, RMSNorm, SwiGLU.
 * @throws {ValueError} for sizes that a part refuses; those of `readLlamaConfig` and `readLlama2c` are taken.
 */
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

/** Name in a `LlamaForCausalLM` checkpoint of a weight of the decoder. Never throws. */
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
 * @throws {FormatError} listing every tensor that is missing, unknown, or of a wrong shape or type; at once where there
 * are fewer tensors than layers.
 * @throws {DeviceError} if the device has no room for the weights.
 */
export function createLlama(
  device: Device,
  config: LlamaConfig,
  tensors: ReadonlyMap<string, HostTensor>,
): Decoder {
  if (config.layers > tensors.size)
    throw new FormatError(
      'weights',
      `num_hidden_layers ${config.layers} cannot be: the file has ${tensors.size} tensors, and a layer has nine`,
    );
  const parts = llamaParts(config);
  const copies = { copies: { [llamaName('head')]: llamaName('embed') } };
  const weights = buildWeights(device, decoderParameters(parts), tensors, llamaWeights(parts), copies);
  return createDecoder({ ...parts, device, weights });
}

function positionOf(fields: ConfigFields): Rotation | undefined {
  // of another architecture, or of sizes that are reported already: positions would add noise, and hours of work
  if (fields.get('model_type') !== 'llama' || !fields.sound(...sizes)) return undefined;
  try {
    const { text_config, ...own } = fields.values;
    const position = fromConfig(own as HuggingFaceConfig);
    if (position.kind === 'rotation') return position;
    fields.problems.push(`its positions must be rotary, they are "${position.name}"`);
  } catch (error) {
    // an encoding made by hand has a base, a file a rope_theta
    const isBase = ValueError.isInstance(error) && error.argument === 'base';
    if (isBase) fields.problems.push(`rope_theta must be a finite number > 0, it is ${shown(error.got)}`);
    else fields.problems.push((error as Error).message);
  }
  return undefined;
}
