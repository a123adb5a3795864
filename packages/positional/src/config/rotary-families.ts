import type { RotaryLayout } from '@headwise/tensor';
import {
  cycle,
  dots3Layers,
  firstFull,
  flintLayers,
  fullFromTheEnd,
  type LayerPattern,
  lastFull,
  lastFullAndLast,
  lfm3Layers,
  mimoLayers,
  olmoHybridLayers,
} from './patterns.ts';
import type { HuggingFaceConfig } from './read.ts';

/** A value for each type of layer. */
export type ByType<Value> = Readonly<Record<string, Value>>;

/**
 * Which layers turn, where not all with attention do.
 *
 * - `sliding`: the sliding ones
 * - `windowed`: the sliding ones, unless `sliding_window` is null
 * - `windowed or dense`: those, and with a prefix pattern of 1 the layers with a dense feed-forward
 * - `sliding, or all without a window`: all where `sliding_window` is null
 * - `marks`: those that `no_rope_layers` or `no_rope_layer_interval` leave (every fourth stands still)
 * - `bases`: those whose entry in `layer_rope_theta` is not 0, with that base
 * - `hybrid`: the hybrid ones, if `use_mem_rope` says so
 * - `not crossing`: all but those in `cross_attention_layers`
 */
export type TurnRule =
  | 'sliding'
  | 'windowed'
  | 'windowed or dense'
  | 'sliding, or all without a window'
  | 'marks'
  | 'bases'
  | 'hybrid'
  | 'not crossing';

/** What a model family has where its configuration is silent, or has no field for. */
export interface RotaryFamily {
  /** Base where the file has none, one for all layers or by layer type. Default 10 000. */
  readonly base?: number | ByType<number>;
  /** The field that says the base outside `rope_parameters`. Default `rope_theta`; by layer type. */
  readonly baseField?: string | ByType<string>;
  /** Share of a head that turns where the file says none. A family without it turns whole heads, always. */
  readonly fraction?: number | 'must be said';
  /** The field that says the share outside `rope_parameters`. Default `partial_rotary_factor`. */
  readonly fractionField?: string;
  /** How many numbers turn where the file has no `rotary_dim`; `read` where the field goes before `fraction`. */
  readonly rotaryDim?: number | 'read';
  /** Width of a head where the file has none. Default hidden_size / num_attention_heads. */
  readonly head?: number | ByType<number>;
  /** Latent attention: width of the part of a head that turns, where the file has no `qk_rope_head_dim`. */
  readonly latent?: number;
  /** The layout its weights were trained with. Default `half`. */
  readonly layout?: RotaryLayout;
  /** Layer types where the file names none. */
  readonly layers?: LayerPattern;
  /** Attentions a layer, each of which counts as a layer here. Default 1. */
  readonly attentions?: number;
  /** The last layer is full whatever the file says. */
  readonly endsFull?: true;
  /** Default: every layer with attention. */
  readonly turns?: TurnRule;
  /** `rope_parameters` of a file without any. */
  readonly parameters?: HuggingFaceConfig;
  /**
   * Each layer type has a rotation of its own. A flat `rope_scaling`, of before there were dictionaries by type,
   * scales the `full` layers, `all`, or is refused (`none`).
   */
  readonly byType?: 'full' | 'all' | 'none';
  /** M-RoPE: three axes, which agree for text; what tells them apart is not read. */
  readonly axes?: true;
  /** Rotates only where `position_embedding_type` says so. */
  readonly said?: true;
  /** What a `rope_type` means here, where it is not what it says. */
  readonly scalingNames?: Readonly<Record<string, string>>;
  /** No scaling is read. */
  readonly plain?: true;
  /** Fields of `rope_parameters` that do not turn, or are this family's own. */
  readonly ownFields?: readonly string[];
}

const plain: RotaryFamily = {};
const interleaved: RotaryFamily = { layout: 'interleaved' };
const latent: RotaryFamily = { latent: 64, layout: 'interleaved' };
const whole128: RotaryFamily = { head: 128 };
const base500k: RotaryFamily = { base: 500_000 };
const axes1m: RotaryFamily = { base: 1_000_000, axes: true };
const phi3: RotaryFamily = { fraction: 1, scalingNames: { yarn: 'longrope' } };

const gemma3: RotaryFamily = {
  base: { full_attention: 1_000_000, sliding_attention: 10_000 },
  baseField: { full_attention: 'rope_theta', sliding_attention: 'rope_local_base_freq' },
  byType: 'full',
  head: 256,
  layers: lastFull(6, 'sliding_window_pattern'),
};
const gemma3n: RotaryFamily = { ...gemma3, layers: lastFull(5) };
const gemma4: RotaryFamily = {
  base: { full_attention: 1_000_000, sliding_attention: 10_000 },
  baseField: {},
  byType: 'none',
  fraction: 1,
  head: { full_attention: 512, sliding_attention: 256 },
  layers: lastFull(6),
  endsFull: true,
  parameters: {
    sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
    full_attention: { rope_type: 'proportional', partial_rotary_factor: 0.25, rope_theta: 1_000_000 },
  },
};
const modernbert: RotaryFamily = {
  base: { full_attention: 160_000, sliding_attention: 10_000 },
  baseField: { full_attention: 'global_rope_theta', sliding_attention: 'local_rope_theta' },
  byType: 'all',
  layers: firstFull(3, 'global_attn_every_n_layers'),
};
const llama4: RotaryFamily = { base: 500_000, layout: 'interleaved', head: 128, turns: 'marks' };
const apertus: RotaryFamily = {
  base: 12_000_000,
  parameters: {
    rope_type: 'llama3',
    rope_theta: 12_000_000,
    factor: 8,
    original_max_position_embeddings: 8192,
    low_freq_factor: 1,
    high_freq_factor: 4,
  },
};
const gptOss: RotaryFamily = {
  base: 150_000,
  head: 64,
  layers: lastFull(2),
  parameters: {
    rope_type: 'yarn',
    factor: 32,
    beta_fast: 32,
    beta_slow: 1,
    truncate: false,
    original_max_position_embeddings: 4096,
  },
};
const ministralYarn: HuggingFaceConfig = {
  rope_type: 'yarn',
  beta_fast: 32,
  beta_slow: 1,
  mscale_all_dim: 1,
  mscale: 1,
  llama_4_scaling_beta: 0.1,
};
const exaone4: RotaryFamily = {
  turns: 'sliding, or all without a window',
  layers: lastFull(4, 'sliding_window_pattern'),
};
const hunyuan: RotaryFamily = { ownFields: ['alpha'] };
const qwen35: RotaryFamily = {
  fraction: 0.25,
  head: 256,
  axes: true,
  layers: lastFull(4, 'full_attention_interval', 'linear_attention'),
};
const muse: RotaryFamily = { turns: 'bases', layers: fullFromTheEnd(4) };

/**
 * Families with rotary positions, by `model_type`. Defaults are those of Hugging Face transformers 5.24.0, compared
 * with its own rotary modules (`golden/families.json`). Another value before 5.0 stands beside the family. The file is
 * long since it is one table.
 */
export const rotaryFamilies: Readonly<Record<string, RotaryFamily>> = {
  afmoe: { head: 128, turns: 'sliding', layers: lastFull(4, 'global_attn_every_n_layers') },
  apertus,
  apertus1p5_text: apertus,
  arcee: plain,
  aria_text: plain,
  axk1: latent,
  axk2: { ...latent, latent: 32 },
  bailing_hybrid: {
    ...latent,
    base: 6_000_000,
    layers: lastFull(6, 'layer_group_size', 'linear_attention'),
  },
  bamba: { fraction: 0.5 },
  beam: {
    byType: 'none',
    baseField: {},
    head: 128,
    layers: lastFullAndLast(6),
    parameters: {
      sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
      full_attention: null,
    },
  },
  bitnet: base500k,
  blt_global_transformer: { ...base500k, layout: 'interleaved' },
  blt_local_decoder: { ...base500k, layout: 'interleaved' },
  blt_local_encoder: { ...base500k, layout: 'interleaved' },
  blt_patcher: interleaved,
  chameleon: plain,
  codegen: { layout: 'interleaved', rotaryDim: 64, plain: true },
  cohere: { ...base500k, layout: 'interleaved' }, // 10,000 before 5.0
  cohere2: {
    layout: 'interleaved',
    turns: 'windowed',
    layers: lastFull(4, 'sliding_window_pattern'),
  },
  cohere2_moe: {
    layout: 'interleaved',
    head: 128,
    turns: 'windowed or dense',
    layers: lastFull(4, 'sliding_window_pattern'),
  },
  cosmos3_edge_text: { base: 100_000_000, head: 128, axes: true },
  csm: base500k,
  csm_depth_decoder_model: base500k,
  cwm: {
    base: 1_000_000,
    head: 128,
    layers: firstFull(4),
    parameters: { ...apertus.parameters, rope_theta: 1_000_000, factor: 16 },
  },
  dbrx: plain,
  deepseek_ocr2_encoder: plain,
  deepseek_ocr2_text: plain,
  deepseek_v2: latent,
  deepseek_v3: latent,
  deepseek_v32: latent,
  dia_decoder: whole128,
  dia_encoder: whole128,
  diffllama: plain,
  diffusion_gemma_text: gemma4,
  doge: plain,
  dots1: plain,
  dots3_note_audio_encoder: { fraction: 0.5, layout: 'interleaved' },
  dots3_note_text: {
    ...latent,
    base: { indexed_attention: 80_000_000, full_attention: 80_000_000, sliding_attention: 50_000 },
    baseField: {
      indexed_attention: 'rope_theta',
      full_attention: 'rope_theta',
      sliding_attention: 'swa_rope_theta',
    },
    byType: 'none',
    layers: dots3Layers,
  },
  embedding_gemma2_text: {
    ...gemma4,
    parameters: {
      sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
      full_attention: { rope_type: 'default', rope_theta: 1_000_000 },
    },
    layers: lastFull(6, 'sliding_window_pattern'),
  },
  emu3_text_model: { base: 1_000_000 },
  ernie4_5: { base: 500_000, layout: 'interleaved', head: 128 },
  ernie4_5_moe: { base: 500_000, layout: 'interleaved' },
  esm: { said: true, plain: true },
  esmc: plain,
  eurobert: plain,
  evolla: base500k,
  EvollaModel: base500k,
  exaone: base500k,
  exaone4,
  exaone_moe: exaone4,
  falcon: plain,
  falcon_h1: plain, // 100,000 before 5.0
  flex_olmo: base500k,
  flint: { head: 128, turns: 'windowed', layers: flintLayers },
  gemma: { head: 256 },
  gemma2: { head: 256, layers: lastFull(2) },
  gemma3,
  gemma3_text: gemma3,
  gemma3n,
  gemma3n_text: gemma3n,
  gemma4,
  gemma4_text: gemma4,
  gemma4_unified_text: gemma4,
  glm: { fraction: 0.5, head: 128, layout: 'interleaved' },
  glm4: { fraction: 0.5, head: 128, layout: 'interleaved' },
  glm4_moe: { fraction: 0.5 },
  glm4_moe_lite: latent,
  glm4v_moe_text: { fraction: 0.5, axes: true },
  glm4v_text: { fraction: 1, layout: 'interleaved', axes: true },
  glm_image_text: { fraction: 1, axes: true },
  glm_moe_dsa: latent,
  glm_ocr_text: { fraction: 1, layout: 'interleaved', axes: true },
  glmasr_encoder: { fraction: 0.5 },
  gpt_neox: { fraction: 0.25, baseField: 'rotary_emb_base', fractionField: 'rotary_pct' },
  gpt_neox_japanese: { fraction: 1, baseField: 'rotary_emb_base', fractionField: 'rotary_pct' },
  gpt_oss: gptOss,
  gptj: { layout: 'interleaved', rotaryDim: 64, plain: true },
  gradium_phonon_tts: plain,
  granite: plain,
  granite4_vision_text: plain,
  granite_docling_text: plain,
  granite_swa: { turns: 'bases', layers: firstFull(4) },
  granitemoe: plain,
  granitemoe_swa: { turns: 'bases', layers: firstFull(4) },
  granitemoehybrid: { said: true, layers: cycle('linear_attention') },
  granitemoeshared: plain,
  gte: { base: 160_000 },
  helium: { base: 100_000, head: 128, layout: 'interleaved' },
  higgs_audio_v2: {
    base: 500_000,
    head: 128,
    parameters: {
      ...apertus.parameters,
      rope_theta: 500_000,
      factor: 32,
      original_max_position_embeddings: 1024,
      low_freq_factor: 0.125,
      high_freq_factor: 0.5,
    },
  },
  hrm_text: whole128,
  hunyuan_v1_dense: hunyuan,
  hunyuan_v1_moe: hunyuan,
  hunyuan_vl_text: { ...hunyuan, axes: true, scalingNames: { xdrope: 'dynamic' } },
  hy_v3: { base: 11_158_840, head: 128 },
  hy_v4: { latent: 64 },
  hy_v4_vl_text: { ...latent, axes: true },
  hyperclovax: plain,
  idefics: plain,
  internlm3: whole128,
  iquestcoder: whole128,
  jais2: plain,
  jetmoe: whole128,
  jina_embeddings_v3: { base: 20_000 },
  kolibri1: { ...exaone4, head: 128, layers: lastFull(5) },
  kyutai_speech_to_text: plain, // 100,000 before 5.0
  laguna: {
    byType: 'none',
    baseField: {},
    fraction: 1,
    head: 128,
    parameters: {
      full_attention: { rope_type: 'default', rope_theta: 500_000, partial_rotary_factor: 0.5 },
      sliding_attention: { rope_type: 'default', rope_theta: 10_000, partial_rotary_factor: 1 },
    },
  },
  lara_mini: {
    head: 128,
    turns: 'sliding',
    layers: cycle(
      'linear_attention',
      'sliding_attention',
      'linear_attention',
      'full_attention',
      'sliding_attention',
    ),
  },
  lasr_encoder: plain,
  lfm2: { base: 1_000_000 },
  lfm2_moe: { base: 1_000_000 },
  lfm3: {
    byType: 'none',
    baseField: {},
    head: 128,
    layers: lfm3Layers,
    parameters: {
      sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
      full_attention: { rope_type: 'proportional', rope_theta: 1_000_000, partial_rotary_factor: 0.5 },
    },
  },
  llama: plain,
  llama4,
  llama4_text: llama4,
  longcat_flash: { ...latent, base: 10_000_000, attentions: 2 },
  mellum: {
    byType: 'none',
    baseField: {},
    fraction: 1,
    head: 128,
    parameters: {
      full_attention: { rope_type: 'default', rope_theta: 500_000 },
      sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
    },
  },
  mimi: plain,
  mimi_decoder: plain,
  mimi_encoder: plain,
  mimo_v2_flash: {
    byType: 'none',
    baseField: {},
    fraction: 'must be said',
    head: 192,
    layers: mimoLayers,
    parameters: {
      full_attention: { rope_type: 'default', rope_theta: 5_000_000, partial_rotary_factor: 0.334 },
      sliding_attention: { rope_type: 'default', rope_theta: 10_000, partial_rotary_factor: 0.334 },
    },
  },
  minicpm3: { latent: 32 },
  minimax: { base: 1_000_000, layers: firstFull(2, undefined, 'linear_attention') },
  minimax_m2: { base: 5_000_000, fraction: 1, rotaryDim: 'read', head: 128 },
  minimax_m3_vl_text: { base: 5_000_000, fraction: 1, head: 128 },
  ministral: plain,
  ministral3: {
    head: 128,
    ownFields: ['llama_4_scaling_beta', 'max_position_embeddings'],
    parameters: {
      ...ministralYarn,
      rope_theta: 1_000_000,
      factor: 16,
      original_max_position_embeddings: 16_384,
    },
  },
  mistral: plain,
  mistral4: {
    ...latent,
    ownFields: ['llama_4_scaling_beta', 'max_position_embeddings'],
    parameters: {
      ...ministralYarn,
      rope_theta: 10_000,
      factor: 128,
      original_max_position_embeddings: 8192,
    },
  },
  mixtral: { base: 1_000_000 },
  mllama_text_model: { base: 500_000, turns: 'not crossing' },
  modernbert,
  'modernbert-decoder': modernbert,
  moonshine: { fraction: 0.9, layout: 'interleaved' },
  moonshine_streaming: { fraction: 0.8, layout: 'interleaved' },
  moshi: plain,
  muse_glimmer_assistant: { base: 500_000, head: 128 },
  muse_glimmer_text: { ...muse, head: 128 },
  muse_spark_text: { ...muse, base: 500_000, head: 64 },
  nemotron: { fraction: 0.5 },
  nemotron3_5_transcribe_asr_audio: { fraction: 0.5 },
  nemotron3_5_transcribe_word_timestamp: { fraction: 0.5 },
  nemotron3_diarization_audio: { fraction: 1 },
  neucodec: { head: 64 },
  nomic_bert: { base: 1000 },
  olmo: plain,
  olmo2: plain,
  olmo3: {
    base: { full_attention: 500_000, sliding_attention: 500_000 }, // 10,000 before 5.0
    baseField: { full_attention: 'rope_theta' },
    byType: 'full',
    layers: lastFull(4),
  },
  olmo_hybrid: { layers: olmoHybridLayers },
  olmoe: plain,
  openai_privacy_filter: { ...gptOss, layout: 'interleaved' },
  paddleocr_vl_text: { base: 500_000, head: 128, axes: true },
  pe_audio_encoder: { base: 20_000, head: 128, layout: 'interleaved' },
  pe_audio_video_encoder: { base: 20_000, head: 128, layout: 'interleaved' },
  pe_video_encoder: { base: 20_000, head: 128, layout: 'interleaved' },
  persimmon: { fraction: 0.5 }, // base 25,000 before 5.0
  phi: { fraction: 0.5 },
  phi3,
  phi4_multimodal: phi3,
  // 5.24.0 never takes the long list, whatever the length; 4.57 and the authors do, and so does longrope
  phimoe: { base: 1_000_000, ownFields: ['short_mscale', 'long_mscale'] },
  pocket_tts: plain,
  pocket_tts_audio_tokenizer: plain,
  pocket_tts_audio_tokenizer_decoder: plain,
  pocket_tts_audio_tokenizer_encoder: plain,
  qwen2: plain,
  qwen2_5_omni_dit: { head: 64, axes: true },
  qwen2_5_omni_talker: { ...axes1m, head: 128 },
  qwen2_5_omni_text: axes1m,
  qwen2_5_vl: axes1m,
  qwen2_5_vl_text: axes1m,
  qwen2_moe: plain,
  qwen2_vl: axes1m,
  qwen2_vl_text: axes1m,
  qwen3: whole128,
  qwen3_5_moe_text: qwen35,
  qwen3_5_text: qwen35,
  qwen3_moe: plain,
  qwen3_next: {
    fraction: 0.25,
    head: 256,
    layers: lastFull(4, 'full_attention_interval', 'linear_attention'),
  },
  qwen3_omni_moe_talker_code_predictor: { ...whole128, axes: true },
  qwen3_omni_moe_talker_text: { axes: true },
  qwen3_omni_moe_text: axes1m,
  qwen3_vl_moe_text: { base: 500_000, axes: true }, // 5,000,000 before 5.0
  qwen3_vl_text: { base: 500_000, head: 128, axes: true }, // 5,000,000 before 5.0
  qwen4_exp_text: { ...qwen35, fraction: 1 },
  recurrent_gemma: {
    fraction: 0.5,
    plain: true,
    layers: cycle('recurrent', 'recurrent', 'full_attention'),
  },
  sarvam_mla: { ...latent, scalingNames: { deepseek_yarn: 'yarn' } },
  sarvam_moe: { base: 8_000_000, fraction: 1, head: 64 },
  seed_oss: whole128,
  smollm3: { base: 2_000_000, turns: 'marks' },
  solar_open: { base: 1_000_000, fraction: 1, head: 128 },
  stablelm: { fraction: 0.25 },
  starcoder2: plain,
  step3p5: {
    byType: 'none',
    baseField: {},
    fraction: 1,
    head: 128,
    parameters: {
      full_attention: { rope_type: 'default', rope_theta: 10_000 },
      sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
    },
  },
  t5_gemma_module: { head: 256, layers: lastFull(2) },
  t5gemma2_decoder: gemma3,
  t5gemma2_text: gemma3,
  timesfm2_5: { head: 80 },
  ultrabert: {
    byType: 'none',
    baseField: {},
    layers: lastFull(3),
    parameters: {
      sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
      full_attention: { rope_type: 'default', rope_theta: 2_560_000 },
    },
  },
  unlimited_ocr_text: plain,
  vaultgemma: { head: 256, layers: lastFull(2) },
  voxtral_realtime_encoder: { head: 64 },
  voxtral_realtime_text: plain,
  xcodec2: { head: 64 },
  youtu: latent,
  zamba2: { turns: 'hybrid' },
  zaya: {
    byType: 'none',
    baseField: {},
    fraction: 1,
    head: 128,
    layers: cycle('hybrid'),
    parameters: {
      hybrid: { rope_type: 'default', rope_theta: 5_000_000, partial_rotary_factor: 0.5 },
      hybrid_sliding: { rope_type: 'default', rope_theta: 10_000, partial_rotary_factor: 0.5 },
    },
  },
};

/** Families with rotations that no encoding here makes, and why: half-split angles would be wrong without a sign. */
export const otherRotations: Readonly<Record<string, string>> = {
  cohere_compass_text: 'its base has no default and its layers their own axes',
  deepseek_v4: 'it turns the last numbers of a head, and the values with them',
  dory: 'its files count feed-forward layers among the layers',
  efficientloftr: 'it turns by the two axes of an image',
  eomt_dinov3: 'it turns by the two axes of an image',
  ernie4_5_vl_moe_text: 'its frequencies are dealt out to axes in an order of their own',
  llama4_vision_model: 'it turns by the two axes of an image',
  mistral_large4_text: 'its frequencies are multiplied by trained numbers',
  molmo2_text: 'it scales the layers of a list of its own',
  musicflamingo: 'it turns by seconds',
  nanochat: 'it turns the other way round, by −θ',
  neomme: 'it turns by two axes',
};
