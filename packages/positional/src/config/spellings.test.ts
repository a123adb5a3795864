import { describe, expect, it } from 'vitest';
import type { RotaryEncoding } from '../contract.ts';
import { fromConfig, layersFromConfig } from './from-config.ts';

/**
 * What a file says, says twice, or leaves out. Values are those of transformers 5.24.0's own rotary modules, as
 * `tooling/golden/positional_families.py` reads them, unless another version is named.
 */

const small = { hidden_size: 64, num_attention_heads: 4, num_hidden_layers: 4 };

function kindsOf(config: object): string {
  return layersFromConfig(config as never)
    .map(({ kind }) => (kind === 'none' ? '-' : kind === 'rotation' ? 'r' : '?'))
    .join('');
}

function turns(config: object, layer: number, D = 16): RotaryEncoding {
  const encoding = layersFromConfig(config as never)[layer]!;
  if (encoding.kind !== 'rotation') throw new Error(`layer ${layer} is ${encoding.kind}`);
  encoding.spectrum(D);
  return encoding;
}

const second = (config: object, layer = 0, D = 16): number =>
  turns(config, layer, D).spectrum(D).inverseFrequencies[1]!;

/** The base that the second frequency shows. */
const base = (config: object, layer = 0, D = 16): number => second(config, layer, D) ** (-D / 2);

describe('Olmo 3 as published', () => {
  const olmo3 = {
    model_type: 'olmo3',
    ...small,
    head_dim: 128,
    max_position_embeddings: 65_536,
    rope_theta: 500_000,
    rope_scaling: {
      attention_factor: 1.2079441541679836,
      beta_fast: 32,
      beta_slow: 1,
      factor: 8,
      original_max_position_embeddings: 8192,
      rope_type: 'yarn',
    },
  };

  it('scales the full layers alone', () => {
    const layers = layersFromConfig(olmo3);
    expect(layers.map(({ name }) => name)).toEqual(['rotary', 'rotary', 'rotary', 'yarn']);
    const [sliding, , , full] = layers as readonly RotaryEncoding[];
    expect(sliding!.spectrum(128).inverseFrequencies.at(-1)).toBeCloseTo(500_000 ** (-126 / 128), 12);
    expect(full!.spectrum(128).inverseFrequencies.at(-1)).toBeCloseTo(500_000 ** (-126 / 128) / 8, 12);
    expect([sliding!.spectrum(128).attentionFactor, full!.spectrum(128).attentionFactor]).toEqual([
      1, 1.2079441541679836,
    ]);
  });

  it('refuses a base that transformers 5 reads for the full layers and 4 for all', () => {
    expect(() => layersFromConfig({ ...olmo3, rope_theta: 1_000_000 })).toThrow(
      'config.rope_theta is not read by transformers 5 for every layer of olmo3, where the base would be 500000; say it in rope_parameters, by layer type, got 1000000',
    );
    const both = { rope_type: 'default', rope_theta: 1_000_000 };
    const said = { full_attention: both, sliding_attention: both };
    expect(base({ model_type: 'olmo3', ...small, rope_parameters: said })).toBeCloseTo(1_000_000, 4);
  });

  it('refuses one flat rope_parameters, which transformers 5 passes over', () => {
    const { rope_scaling: rope_parameters, ...rest } = olmo3;
    expect(() => layersFromConfig({ ...rest, rope_parameters })).toThrow(
      'config.rope_parameters must have one dictionary a layer type (sliding_attention, full_attention) in olmo3: transformers 5 ignores a flat one there, got "one for all"',
    );
  });
});

describe('which layers turn', () => {
  const eight = { ...small, num_hidden_layers: 8 };
  it.each([
    ['EXAONE 4 by its pattern', { model_type: 'exaone4', sliding_window_pattern: 4 }, 'rrr-rrr-'],
    ['EXAONE 4, silent', { model_type: 'exaone4' }, 'rrr-rrr-'],
    [
      'EXAONE 4 without a window',
      { model_type: 'exaone4', sliding_window: null, sliding_window_pattern: null },
      'rrrrrrrr',
    ],
    ['Cohere 2 without a window', { model_type: 'cohere2', sliding_window: null }, '--------'],
    ['AFMoE', { model_type: 'afmoe' }, 'rrr-rrr-'],
    ['Qwen3-Next', { model_type: 'qwen3_next' }, '---r---r'],
    ['Qwen3-Next by its interval', { model_type: 'qwen3_next', full_attention_interval: 2 }, '-r-r-r-r'],
    ['RecurrentGemma', { model_type: 'recurrent_gemma' }, '--r--r--'],
    ['Bamba', { model_type: 'bamba', attn_layer_indices: [1, 6] }, '-r----r-'],
    ['LFM2', { model_type: 'lfm2', full_attn_idxs: [2, 5] }, '--r--r--'],
    ['MiniMax', { model_type: 'minimax' }, 'r-r-r-r-'],
    [
      'Granite 4, silent',
      { model_type: 'granitemoehybrid', layer_types: Array(8).fill('attention') },
      '--------',
    ],
    [
      'Granite 4',
      {
        model_type: 'granitemoehybrid',
        position_embedding_type: 'rope',
        layer_types: ['mamba', 'attention', 'mamba', 'mamba', 'mamba', 'attention', 'mamba', 'mamba'],
      },
      '-r---r--',
    ],
    ['Muse', { model_type: 'muse_spark_text' }, 'rrr-rrr-'],
    [
      'Granite with a base a layer',
      { model_type: 'granite_swa', layer_rope_theta: [0, 1, 1, 1, 0, 1, 1, 1].map((on) => on * 10_000) },
      '-rrr-rrr',
    ],
    ['SmolLM 3 by its interval', { model_type: 'smollm3', no_rope_layer_interval: 2 }, 'r-r-r-r-'],
    ['Zamba 2', { model_type: 'zamba2', layers_block_type: Array(8).fill('hybrid') }, '--------'],
    ['Llama 3.2 vision', { model_type: 'mllama_text_model', cross_attention_layers: [1, 3] }, 'r-r-rrrr'],
    [
      'Cohere 2 MoE',
      { model_type: 'cohere2_moe', mlp_layer_types: [...Array(4).fill('dense'), ...Array(4).fill('sparse')] },
      'rrrrrrr-',
    ],
    [
      'null for a type',
      {
        model_type: 'beam',
        rope_parameters: {
          sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
          full_attention: null,
        },
      },
      'rrrrr-r-',
    ],
    [
      'null for a type of Gemma 3',
      { model_type: 'gemma3_text', rope_parameters: { full_attention: null } },
      'rrrrr-rr',
    ],
  ])('%s', (_, config, want) => {
    expect(kindsOf({ ...eight, ...config })).toBe(want);
  });

  it('a type with null is "none" by its name', () => {
    const config = {
      model_type: 'beam',
      ...eight,
      rope_parameters: { sliding_attention: { rope_type: 'default' }, full_attention: null },
    };
    expect(fromConfig(config, { layerType: 'full_attention' }).kind).toBe('none');
    expect(fromConfig(config, { layerType: 'sliding_attention' }).name).toBe('rotary');
  });

  it('needs to know how many there are where they differ', () => {
    const { num_hidden_layers: _, ...sizes } = small;
    expect(() => layersFromConfig({ model_type: 'smollm3', ...sizes })).toThrow(
      'config.num_hidden_layers is missing: the layers of this family differ, so their number matters, got "no such field"',
    );
    expect(layersFromConfig({ model_type: 'llama', ...sizes })).toHaveLength(1);
    expect(() => layersFromConfig({ model_type: 'llama', ...sizes, num_hidden_layers: 1e9 })).toThrow(
      'config.num_hidden_layers must be at most 10000 layers, got 1000000000',
    );
  });
});

describe('families', () => {
  it('that are not known are refused, whatever fields they have', () => {
    const rope = { ...small, rope_theta: 10_000, rope_scaling: { type: 'linear', factor: 2 } };
    for (const model_type of ['strange', 'constructor', '__proto__', 'toString', '']) {
      expect(() => fromConfig({ ...rope, model_type }), model_type).toThrow(
        'config.model_type is no family whose positions are known',
      );
    }
    expect(() => fromConfig(rope)).toThrow('config.model_type is missing');
    expect(() => fromConfig({ ...rope, position_embedding_type: 'rope' })).toThrow(
      'config.model_type is missing',
    );
  });

  it('with a rotation that is not here are refused by name', () => {
    expect(() => fromConfig({ model_type: 'nanochat', ...small })).toThrow(
      'config.model_type has a rotation that no encoding here makes: it turns the other way round, by −θ, got "nanochat"',
    );
    expect(() => fromConfig({ model_type: 'deepseek_v4', ...small })).toThrow(
      'turns the last numbers of a head',
    );
  });

  it('interleave where their weights do', () => {
    for (const [model_type, layout] of [
      ['exaone4', 'half'],
      ['cohere2', 'interleaved'],
      ['helium', 'interleaved'],
      ['moonshine', 'interleaved'],
      ['glm', 'interleaved'],
      ['glm4_moe', 'half'],
      ['openai_privacy_filter', 'interleaved'],
      ['minicpm3', 'half'],
      ['youtu', 'interleaved'],
    ] as const) {
      expect(turns({ model_type, ...small, head_dim: 16, qk_rope_head_dim: 16 }, 0).layout, model_type).toBe(
        layout,
      );
    }
  });

  it('of several axes turn text as the plain rotation', () => {
    const rope = { rope_theta: 1_000_000, rope_scaling: { type: 'mrope', mrope_section: [2, 3, 3] } };
    expect(second({ model_type: 'qwen2_vl', ...small, ...rope })).toBeCloseTo(1e6 ** (-2 / 16), 12);
    expect(() => fromConfig({ model_type: 'qwen2', ...small, ...rope })).toThrow(
      'is not a known type of scaling',
    );
  });

  it('are named in the language part of a file, and its fields by their path', () => {
    const text = (config: object) => ({ model_type: 'gemma3', text_config: { ...small, ...config } });
    expect(kindsOf(text({}))).toBe('rrrr');
    expect(() => fromConfig(text({ model_type: 'llama', rope_theta: 'x' }))).toThrow(
      'fromConfig: config.text_config.rope_theta must be a finite number > 0, got "x"',
    );
    expect(() => fromConfig({ model_type: 'llava', text_config: { ...small, rope_theta: 1e4 } })).toThrow(
      'config.text_config.model_type is missing',
    );
  });
});

describe('where the file is silent', () => {
  // a default is of transformers 5.24.0; cohere's was 10,000, olmo3's 10,000 and persimmon's 25,000 before 5.0
  it.each([
    ['llama', 10_000],
    ['helium', 100_000],
    ['phimoe', 1_000_000],
    ['cohere', 500_000],
    ['olmo3', 500_000],
    ['persimmon', 10_000],
    ['falcon_h1', 10_000],
    ['gte', 160_000],
    ['hy_v3', 11_158_840],
  ])('%s has the base %d', (model_type, want) => {
    const fraction = model_type === 'persimmon' ? 0.5 : 1;
    const config = { model_type, ...small, head_dim: 16 };
    expect(second(config)).toBeCloseTo(want ** (-2 / (16 * fraction)), 12);
  });

  it('Gemma 3n has a full layer in five, Gemma 3 in six', () => {
    const full = (model_type: string) =>
      layersFromConfig({ model_type, hidden_size: 64, num_attention_heads: 4, num_hidden_layers: 12 }).map(
        (encoding) => (encoding as RotaryEncoding).spectrum(16).inverseFrequencies[1]! < 0.2,
      );
    expect(full('gemma3n_text').flatMap((is, i) => (is ? [i] : []))).toEqual([4, 9]);
    expect(full('gemma3_text').flatMap((is, i) => (is ? [i] : []))).toEqual([5, 11]);
  });

  it.each([
    ['qwen3_next', 256, 64],
    ['nemotron', 16, 8],
    ['stablelm', 16, 4],
    ['phi3', 16, 16],
    ['gpt_neox_japanese', 16, 16],
    ['minimax_m2', 128, 128],
    ['gptj', 128, 64],
  ])('%s turns of a head of %d numbers %d', (model_type, D, want) => {
    const config = { model_type, ...small, head_dim: D };
    expect(turns(config, 3, D).spectrum(D).R).toBe(want);
  });

  it("a head has the family's own width, whatever the sizes give", () => {
    const longrope = { rope_type: 'longrope', short_factor: [1], long_factor: [1], factor: 2 };
    const fails = (model_type: string) => () =>
      fromConfig({ model_type, ...small, max_position_embeddings: 8, rope_scaling: longrope });
    expect(fails('gemma')).toThrow('each of the 128 pairs');
    expect(fails('qwen3')).toThrow('each of the 64 pairs');
    expect(fails('llama')).toThrow('each of the 8 pairs');
    expect(fails('deepseek_v3')).toThrow('each of the 32 pairs');
  });

  it('gpt-oss and Llama-like families scale as they were published', () => {
    expect(fromConfig({ model_type: 'gpt_oss', ...small }, { layerType: 'full_attention' }).name).toBe(
      'yarn',
    );
    expect(fromConfig({ model_type: 'apertus', ...small }).name).toBe('llama3');
    expect(fromConfig({ model_type: 'apertus', ...small, rope_parameters: {} }).name).toBe('rotary');
  });
});

describe('one field of the file alone', () => {
  // the values that transformers' own modules have are in golden/families.json; here is what a lost field would change
  it("Nemotron's fraction", () => {
    const R = (fields: object) => turns({ model_type: 'nemotron', ...small, ...fields }, 0).spectrum(16).R;
    expect(R({})).toBe(8);
    expect(R({ partial_rotary_factor: 0.25 })).toBe(4);
    expect(R({ partial_rotary_factor: 1 })).toBe(16);
    expect(R({ rope_parameters: { rope_type: 'default', partial_rotary_factor: 0.75 } })).toBe(12);
  });

  it("YaRN's beta_slow and beta_fast", () => {
    // hand count: a pair of R = 64, base 10,000 that turns β times in 1,024 tokens is 32 · ln(1024 / 2πβ) / ln 10,000
    const slowed = (fields: object) => {
      const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 1024, ...fields };
      const { inverseFrequencies } = turns(
        { model_type: 'llama', ...small, head_dim: 64, rope_scaling: yarn },
        0,
        64,
      ).spectrum(64);
      const share = [...inverseFrequencies].map((f, i) => f / 10_000 ** ((-2 * i) / 64));
      return [share.findIndex((s) => s < 0.999_999), share.findIndex((s) => s < 0.250_001)];
    };
    expect(slowed({})).toEqual([6, 18]);
    expect(slowed({ beta_slow: 1 })).toEqual([6, 18]);
    expect(slowed({ beta_slow: 4 })).toEqual([6, 13]);
    expect(slowed({ beta_fast: 8 })).toEqual([11, 18]);
    expect(slowed({ beta_fast: 0, beta_slow: 0 })).toEqual([6, 18]);
  });

  it('a trained length of a layer type goes before that of the file', () => {
    const llama3 = {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      rope_theta: 10_000,
    };
    const at = (fields: object, own: object) =>
      turns(
        {
          model_type: 'gemma3_text',
          ...small,
          head_dim: 64,
          max_position_embeddings: 8192,
          layer_types: Array(4).fill('full_attention'),
          rope_parameters: { full_attention: { ...llama3, ...own } },
          ...fields,
        },
        0,
        64,
      ).spectrum(64).inverseFrequencies;
    const one = at({}, { original_max_position_embeddings: 256 });
    expect(at({ original_max_position_embeddings: 4096 }, { original_max_position_embeddings: 256 })).toEqual(
      one,
    );
    expect(at({}, { original_max_position_embeddings: 4096 })).not.toEqual(one);
  });

  it("Hunyuan's alpha stretches the base whatever the length", () => {
    const rope_scaling = { type: 'dynamic', alpha: 1000, factor: 1, mscale: 1, mscale_all_dim: 1 };
    const encoding = turns({ model_type: 'hunyuan_v1_dense', ...small, rope_scaling }, 0);
    expect(encoding.dependsOnLength).toBeUndefined();
    expect(encoding.spectrum(16).inverseFrequencies[1]).toBeCloseTo(
      (1e4 * 1000 ** (16 / 14)) ** (-2 / 16),
      12,
    );
  });

  it('a width of one layer, as transformers 5 writes it', () => {
    const gemma4 = { model_type: 'gemma4_text', ...small, head_dim: 32, num_hidden_layers: 2 };
    const layers = layersFromConfig({ ...gemma4, per_layer_config: { '01': { head_dim: 64 } } });
    // the pairs that turn are a quarter of the width
    expect((layers[1] as RotaryEncoding).spectrum(64).inverseFrequencies.filter((f) => f > 0)).toHaveLength(
      8,
    );
    expect(() => layersFromConfig({ ...gemma4, per_layer_config: { '01': { head_dim: 0 } } })).toThrow(
      'config.per_layer_config.01.head_dim must be a whole number ≥ 1, got 0',
    );
  });
});

describe('refuses what transformers passes over, or reads in two ways', () => {
  it.each([
    [
      'a base that is null',
      { model_type: 'llama', rope_theta: null },
      'config.rope_theta must not be null: transformers writes that when a scaling is assigned, and the base is lost; say the base, got null',
    ],
    [
      'a base that is null inside',
      {
        model_type: 'llama',
        rope_theta: 500_000,
        rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: null },
      },
      'config.rope_parameters.rope_theta must not be null',
    ],
    [
      'a base that is null for a layer type',
      {
        model_type: 'gemma3_text',
        rope_parameters: { sliding_attention: { rope_type: 'default', rope_theta: null } },
      },
      'config.rope_parameters.sliding_attention.rope_theta must not be null',
    ],
    [
      'a local base that is null',
      { model_type: 'gemma3_text', rope_local_base_freq: null },
      'config.rope_local_base_freq must not be null',
    ],
    [
      'truncate that is null',
      {
        model_type: 'llama',
        rope_scaling: { rope_type: 'yarn', factor: 2, original_max_position_embeddings: 64, truncate: null },
      },
      'config.rope_scaling.truncate must not be null: transformers takes null for false',
    ],
    [
      'a type that is null',
      { model_type: 'llama', rope_parameters: { rope_type: null } },
      'config.rope_parameters.rope_type must not be null',
    ],
    [
      'a share of a family that turns whole heads',
      { model_type: 'llama', partial_rotary_factor: 0.5 },
      'config.partial_rotary_factor must be 1 or left out: llama turns whole heads, got 0.5',
    ],
    [
      'that share inside',
      { model_type: 'qwen3', rope_parameters: { rope_type: 'default', partial_rotary_factor: 0.5 } },
      'config.rope_parameters.partial_rotary_factor must be 1 or left out: qwen3 turns whole heads',
    ],
    [
      "DBRX's base",
      { model_type: 'dbrx', attn_config: { rope_theta: 500_000 } },
      'config.attn_config.rope_theta is read by transformers 4 and ignored by 5, where the base would be 10000; say rope_theta beside attn_config, got 500000',
    ],
    [
      "MiniMax's width",
      { model_type: 'minimax_m3_vl_text', rotary_dim: 64 },
      'config.rotary_dim is not read by transformers 5, where 128 numbers of a head turn; say partial_rotary_factor, got 64',
    ],
    [
      "a base beside Apertus's default scaling",
      { model_type: 'apertus', rope_theta: 500_000 },
      'config.rope_theta is not read by transformers 5 for every layer of apertus, where the base would be 12000000; say it in rope_parameters, got 500000',
    ],
    [
      "GPT-NeoX's share by another name",
      { model_type: 'gpt_neox', head_dim: 32, partial_rotary_factor: 0.5 },
      'config.partial_rotary_factor is not read in gpt_neox, where 0.25 of a head turns; call it rotary_pct, got 0.5',
    ],
    [
      'a flat scaling where each type has its own',
      { model_type: 'gemma4_text', rope_scaling: { rope_type: 'linear', factor: 2 } },
      'config.rope_scaling must have one dictionary a layer type (sliding_attention, full_attention) in gemma4_text',
    ],
    [
      'truncate inside a layer type',
      {
        model_type: 'gemma3_text',
        rope_parameters: {
          full_attention: {
            rope_type: 'yarn',
            factor: 2,
            original_max_position_embeddings: 64,
            truncate: false,
          },
        },
        layer_types: Array(4).fill('full_attention'),
      },
      'config.rope_parameters.full_attention.truncate is read from config.rope_parameters, beside the layer types; move it there, got false',
    ],
    [
      'layers without rotation in a family that turns all',
      { model_type: 'llama', no_rope_layers: [1, 1, 1, 0] },
      'config.no_rope_layers leaves layers unturned, but llama turns all of them, got [1, 1, 1, 0]',
    ],
    [
      'an interval there',
      { model_type: 'qwen2', no_rope_layer_interval: 4 },
      'config.no_rope_layer_interval is not read: qwen2 turns all layers, got 4',
    ],
    [
      'a type of layer that is not known',
      {
        model_type: 'llama',
        layer_types: ['full_attention', 'constructor', 'full_attention', 'full_attention'],
      },
      'config.layer_types has a name that is not known; known: full_attention, sliding_attention,',
    ],
    [
      'YaRN without a factor',
      { model_type: 'llama', rope_scaling: { rope_type: 'yarn', original_max_position_embeddings: 64 } },
      'config.rope_scaling.factor is missing',
    ],
    [
      "Phi-3's yarn, which means its lists",
      { model_type: 'phi3', rope_scaling: { type: 'yarn', factor: 2, original_max_position_embeddings: 64 } },
      'config.rope_scaling.short_factor is missing: one divisor a pair',
    ],
    [
      'a scaling that RecurrentGemma has not',
      { model_type: 'recurrent_gemma', rope_scaling: { type: 'linear', factor: 2 } },
      'config.rope_scaling.type must be default: recurrent_gemma reads no scaling, got "linear"',
    ],
    [
      'betas in the wrong order',
      {
        model_type: 'llama',
        rope_scaling: {
          rope_type: 'yarn',
          factor: 2,
          original_max_position_embeddings: 64,
          beta_fast: 1,
          beta_slow: 2,
        },
      },
      'config.rope_scaling.beta_fast must be at least beta_slow, which is 2',
    ],
    [
      'a base below 1 with YaRN',
      {
        model_type: 'llama',
        rope_theta: 0.5,
        rope_scaling: { rope_type: 'yarn', factor: 2, original_max_position_embeddings: 64 },
      },
      'config.rope_scaling.rope_theta must be above 1',
    ],
    [
      'a list for a number',
      { model_type: 'step3p5', rope_theta: [10_000, 20_000] },
      'config.rope_theta must be a finite number, got [10000, 20000]',
    ],
    [
      'high below low',
      {
        model_type: 'llama',
        rope_scaling: {
          rope_type: 'llama3',
          factor: 2,
          original_max_position_embeddings: 64,
          low_freq_factor: 4,
          high_freq_factor: 4,
        },
      },
      'config.rope_scaling.high_freq_factor must be above low_freq_factor, which is 4, got 4',
    ],
  ])('%s', (_, config, message) => {
    expect(() => layersFromConfig({ ...small, max_position_embeddings: 128, ...config })).toThrow(message);
  });
});
