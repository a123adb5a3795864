import type { Paper } from '@headwise/attention-variants';
import type { Device } from '@headwise/tensor';
import { createDecoder, type Decoder, type DecoderParts, decoderParameters } from './decoder.ts';
import { createEncoder, type Encoder, type EncoderParts, encoderParameters } from './encoder.ts';
import {
  createEncoderDecoder,
  type EncoderDecoder,
  type EncoderDecoderParts,
  encoderDecoderParameters,
} from './encoder-decoder.ts';
import { FormatError } from './errors.ts';
import { ConfigFields } from './formats/config-fields.ts';
import type { HostTensor, StoredTensor } from './formats/host-tensor.ts';
import { readJson, shown } from './formats/json.ts';
import type { Shapes, Weights } from './part.ts';
import type { WeightBuilder } from './weight-sources.ts';
import { buildWeights } from './weights.ts';

/** Far above every model there is, and little work: what a file says is looked at layer by layer. */
const MOST_LAYERS = 10_000;

/** What a model is put together from, by its kind. */
export type ModelParts =
  | { readonly kind: 'decoder'; readonly parts: DecoderParts }
  | { readonly kind: 'encoder'; readonly parts: EncoderParts }
  | { readonly kind: 'encoder-decoder'; readonly parts: EncoderDecoderParts };

/** A model with its weights, by its kind. */
export type Model =
  | { readonly kind: 'decoder'; readonly model: Decoder }
  | { readonly kind: 'encoder'; readonly model: Encoder }
  | { readonly kind: 'encoder-decoder'; readonly model: EncoderDecoder };

/**
 * An architecture as its files describe it: what its `config.json` says, the parts it is put together from, and of
 * which tensors its weights are made. It knows no device, no file format and no tokenizer.
 */
// biome-ignore lint/suspicious/noExplicitAny: a family of any config; registries keep the exact types
export interface Family<Config = any> {
  /** `model_type` of its `config.json`. */
  readonly name: string;
  /** `Llama 2 and 3` */
  readonly title: string;
  readonly paper: Paper;
  /** What may stand under `architectures`. */
  readonly architectures: readonly string[];
  /**
   * Reads the file field by field; what is wrong is collected in `fields.problems` under the file's own names. What it
   * leaves unread is reported too: `fields.ignore` names what has no effect.
   */
  readonly config: (fields: ConfigFields) => Config;
  /**
   * The parts, whose weights follow from them.
   * @throws {ShapeError | ValueError} for a config that a part refuses.
   */
  readonly model: (config: Config) => ModelParts;
  /** Our weights, by the names that the parts give them, made of the tensors of the file. */
  readonly weights: (config: Config) => WeightBuilder;
  /**
   * Shapes of the tensors of the file that are cut, turned or joined on their way to a weight, by their names with `*` for
   * numbers in them: a model is saved by them. Default none.
   */
  readonly stored?: ((config: Config) => Shapes) | undefined;
  /** Tensors that may stand in a file a second time (a tied head): the name of the copy, and of the first. */
  readonly copies?: ((config: Config) => Readonly<Record<string, string>>) | undefined;
  /** Tensors that older files carry and no model reads: masks, tables of positions that follow from the config. */
  readonly unused?: RegExp | ((config: Config) => RegExp) | undefined;
}

/** Keeps the type of the config; does nothing at run time. Never throws. */
/* @__NO_SIDE_EFFECTS__ */
export function defineFamily<Config>(family: Family<Config>): Family<Config> {
  return family;
}

/** Which ids mean something, from `config.json`. */
export interface SpecialIds {
  /** End a text. */
  readonly stop: readonly number[];
  readonly begin: number | undefined;
  readonly pad: number | undefined;
  /** With which a decoder that reads a source begins. */
  readonly decoderStart: number | undefined;
}

/** A config that was understood, and whose parts fit together. */
export interface ReadConfig<Config> extends SpecialIdsOf {
  readonly config: Config;
  readonly model: ModelParts;
}

interface SpecialIdsOf {
  readonly ids: SpecialIds;
}

/** Fields of every `config.json` that say nothing about what is computed from ids. */
const silent = [
  ['_name_or_path', 'model_type', 'architectures', 'transformers_version', 'torch_dtype', 'dtype'],
  [
    'use_cache',
    'initializer_range',
    'initializer_factor',
    'tokenizer_class',
    'auto_map',
    'id2label',
    'label2id',
  ],
  [
    'task_specific_params',
    'problem_type',
    'gradient_checkpointing',
    '_attn_implementation',
    'attn_implementation',
  ],
  ['output_attentions', 'output_hidden_states', 'return_dict', 'return_dict_in_generate', 'torchscript'],
  [
    'chunk_size_feed_forward',
    'is_encoder_decoder',
    'is_decoder',
    'finetuning_task',
    'use_bfloat16',
    'tf_legacy_loss',
  ],
  ['attention_dropout', 'hidden_dropout', 'hidden_dropout_prob', 'attention_probs_dropout_prob', 'dropout'],
  ['classifier_dropout', 'resid_pdrop', 'embd_pdrop', 'attn_pdrop', 'activation_dropout', 'layerdrop'],
  [
    'bos_token_id',
    'eos_token_id',
    'pad_token_id',
    'sep_token_id',
    'cls_token_id',
    'unk_token_id',
    'mask_token_id',
  ],
  // how to generate, of the days before generation_config.json
  [
    'max_length',
    'min_length',
    'do_sample',
    'early_stopping',
    'num_beams',
    'num_beam_groups',
    'diversity_penalty',
  ],
  [
    'temperature',
    'top_k',
    'top_p',
    'typical_p',
    'repetition_penalty',
    'length_penalty',
    'no_repeat_ngram_size',
  ],
  [
    'encoder_no_repeat_ngram_size',
    'bad_words_ids',
    'num_return_sequences',
    'output_scores',
    'begin_suppress_tokens',
  ],
  ['forced_bos_token_id', 'forced_eos_token_id', 'remove_invalid_values', 'suppress_tokens', 'prefix'],
  ['exponential_decay_length_penalty', 'decoder_start_token_id', 'tie_encoder_decoder', 'pruned_heads'],
].flat();

/**
 * Reads a `config.json` as a family does: the form of transformers 4.x and 5.x.
 *
 * @param json the file (its bytes or its text, which are read strictly), or what `JSON.parse` made of it
 * @throws {FormatError} listing everything in it that is missing, wrong, not supported or not understood, by the names
 * of its fields.
 */
export function readConfig<Config>(family: Family<Config>, json: unknown): ReadConfig<Config> {
  const format = `${family.name} config`;
  const isFile = typeof json === 'string' || ArrayBuffer.isView(json);
  const fields = new ConfigFields(isFile ? readJson(json as string | Uint8Array, format) : json);
  checkArchitecture(family, fields);
  const isOther = fields.problems.length > 0;
  // what is wrong with the sizes is said first, and once
  fields.count('num_hidden_layers', 1, MOST_LAYERS);
  const config = family.config(fields);
  fields.ignore(...silent);
  // who reads no types of layers has one
  if (fields.unread.includes('layer_types') && fields.sound('num_hidden_layers'))
    fields.each('layer_types', fields.count('num_hidden_layers', 1, MOST_LAYERS), ['full_attention']);
  // the fields of another family would all be unknown
  if (!isOther)
    for (const key of fields.unread)
      fields.problems.push(
        `${shown(key)} ${shown(fields.get(key))} is not understood: the model would be another`,
      );
  const ids = idsOf(fields);
  const said = fields.has('is_encoder_decoder') ? fields.flag('is_encoder_decoder') : undefined;
  const problems = [...new Set(fields.problems)];
  if (problems.length > 0)
    throw new FormatError(format, `this is no ${family.title} that can be run`, problems);
  try {
    const model = family.model(config);
    modelParameters(model);
    if (said !== undefined && said !== (model.kind === 'encoder-decoder'))
      throw new FormatError(
        format,
        `is_encoder_decoder ${said} contradicts model_type ${shown(family.name)}`,
      );
    return { config, model, ids };
  } catch (error) {
    if (FormatError.isInstance(error)) throw error;
    throw new FormatError(format, `this is no ${family.title} that can be run`, [(error as Error).message]);
  }
}

/**
 * A model of a family from its `config.json` and the tensors of its files.
 *
 * @param json as `readConfig` takes it
 * @throws {FormatError} as `readConfig`, and listing every tensor that is missing, unknown, or of a wrong shape or type;
 * at once where there are fewer tensors than layers.
 * @throws {DeviceError} if the device cannot run a part or has no room for the weights.
 */
export function createModel<Config>(
  device: Device,
  family: Family<Config>,
  json: unknown,
  tensors: ReadonlyMap<string, HostTensor | StoredTensor>,
): Model {
  const { config, model: whole } = readConfig(family, json);
  checkLayers(layersOf(whole), tensors.size);
  const build = family.weights(config);
  const model = withoutAbsentPooler(whole, build, tensors);
  const weights = buildWeights(device, modelParameters(model), tensors, build, {
    copies: family.copies?.(config),
    unused: unusedBy(family, config),
  });
  return assembleModel(device, model, weights);
}

/**
 * A model of its parts and weights.
 * @throws {DeviceError} if the device cannot run a part.
 */
export function assembleModel(device: Device, model: ModelParts, weights: Weights): Model {
  switch (model.kind) {
    case 'decoder':
      return { kind: 'decoder', model: createDecoder({ ...model.parts, device, weights }) };
    case 'encoder':
      return { kind: 'encoder', model: createEncoder({ ...model.parts, device, weights }) };
    case 'encoder-decoder':
      return { kind: 'encoder-decoder', model: createEncoderDecoder({ ...model.parts, device, weights }) };
  }
}

/**
 * Names and shapes of all weights of a model of any kind.
 * @throws {ShapeError | ValueError} if a part refuses the shape.
 */
export function modelParameters(model: ModelParts): Shapes {
  switch (model.kind) {
    case 'decoder':
      return decoderParameters(model.parts);
    case 'encoder':
      return encoderParameters(model.parts);
    case 'encoder-decoder':
      return encoderDecoderParameters(model.parts);
  }
}

/**
 * Before shapes are made layer by layer.
 * @throws {FormatError} if there are fewer tensors than layers.
 */
export function checkLayers(layers: number, tensors: number): void {
  if (layers > tensors)
    throw new FormatError(
      'weights',
      `num_hidden_layers ${layers} cannot be: the file has ${tensors} tensors`,
    );
}

/** Of an encoder and a decoder together. Never throws. */
export function layersOf(model: ModelParts): number {
  const { parts } = model;
  if (model.kind !== 'encoder-decoder') return (parts as DecoderParts | EncoderParts).shape.layers;
  const { encoder, decoder } = parts as EncoderDecoderParts;
  return encoder.shape.layers + decoder.shape.layers;
}

/**
 * The parts without a pooler that the files do not have: a bare encoder may have been stored without one, and its config
 * does not say so. Never throws.
 */
export function withoutAbsentPooler(
  model: ModelParts,
  build: WeightBuilder,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): ModelParts {
  if (model.kind !== 'encoder' || model.parts.head?.name !== 'pooler') return model;
  const sources = build(
    (name) => ({ files: [name], shape: tensors.get(name)?.shape, numbers: () => new Float32Array() }),
    modelParameters(model),
  );
  const present = Object.entries(sources).some(
    ([name, source]) => name.startsWith('head.') && source.files.some((file) => tensors.has(file)),
  );
  return present ? model : { kind: 'encoder', parts: { ...model.parts, head: undefined } };
}

/** Names of tensors that no model reads. Never throws. */
export function unusedBy<Config>({ unused }: Family<Config>, config: Config): RegExp | undefined {
  return typeof unused === 'function' ? unused(config) : unused;
}

/** A file that says what it is twice must say the same. */
function checkArchitecture({ name, architectures }: Family, fields: ConfigFields): void {
  const type = fields.get('model_type');
  if (type !== name) fields.problems.push(`model_type must be ${shown(name)}, it is ${shown(type)}`);
  const named = fields.get('architectures') ?? [];
  if (!Array.isArray(named) || !named.every((each) => typeof each === 'string'))
    fields.problems.push(`architectures must be a list of names, it is ${shown(named)}`);
  else if (type === name && named.some((each) => !architectures.includes(each))) {
    const known = architectures.join(' or ');
    fields.problems.push(
      `architectures ${shown(named)} contradicts model_type ${shown(name)}, which is ${known}`,
    );
  }
}

function idsOf(fields: ConfigFields): SpecialIds {
  const V = typeof fields.get('vocab_size') === 'number' ? (fields.get('vocab_size') as number) : Infinity;
  const one = (key: string): number | undefined => fields.ids(key, V)[0];
  return {
    stop: fields.ids('eos_token_id', V),
    begin: one('bos_token_id'),
    // a table may have no row for padding, and -1 say so
    pad: fields.get('pad_token_id') === -1 ? undefined : one('pad_token_id'),
    decoderStart: one('decoder_start_token_id'),
  };
}
