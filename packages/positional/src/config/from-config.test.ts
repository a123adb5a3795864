import { createReference, tensor, ValueError } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import golden from '../../golden/config.json' with { type: 'json' };
import type { RotaryEncoding } from '../contract.ts';
import type { T5Bias } from '../encodings/t5.ts';
import { fromConfig, layersFromConfig } from './from-config.ts';
import type { HuggingFaceConfig } from './read.ts';

interface Angles {
  readonly inverseFrequencies: readonly number[];
  readonly attentionFactor: number;
  readonly atLength?: Angles & { readonly length: number };
}

const small = { hidden_size: 64, num_attention_heads: 4, num_hidden_layers: 4 };

function mustTurn(encoding: RotaryEncoding, D: number, want: Angles, length?: number): void {
  const { inverseFrequencies, attentionFactor } = encoding.spectrum(D, length);
  expect(inverseFrequencies.length).toBe(want.inverseFrequencies.length);
  want.inverseFrequencies.forEach((f, i) => {
    expect(
      Math.abs(inverseFrequencies[i]! - f),
      `pair ${i}: ${inverseFrequencies[i]}, not ${f}`,
    ).toBeLessThanOrEqual(1e-5 * f);
  });
  expect(attentionFactor).toBeCloseTo(want.attentionFactor, 9);
}

describe(`as ${golden.source} has it`, () => {
  it.each(golden.cases.map((one) => [one.name, one] as const))('%s', (_, one) => {
    const config: HuggingFaceConfig = one.config;
    const D = Number(
      config.qk_rope_head_dim ??
        config.head_dim ??
        Number(config.hidden_size) / Number(config.num_attention_heads),
    );
    const layers = layersFromConfig(config);
    expect(layers.map(({ kind }) => kind)).toEqual(one.turns.map((turns) => (turns ? 'rotation' : 'none')));
    layers.forEach((encoding, layer) => {
      if (encoding.kind !== 'rotation') return;
      const want = (one.byType as Readonly<Record<string, Angles>>)[one.types[layer]!]!;
      mustTurn(encoding, D, want);
      if (want.atLength) mustTurn(encoding, D, want.atLength, want.atLength.length);
    });
  });
});

describe('one encoding', () => {
  it('is handed out where all layers share it, and by type where they do not', () => {
    const gemma = { model_type: 'gemma3_text', ...small, head_dim: 32, sliding_window_pattern: 2 };
    const [sliding, full, again] = layersFromConfig(gemma);
    expect(sliding).toBe(again);
    expect(sliding).not.toBe(full);
    expect(fromConfig({ model_type: 'llama', ...small }).name).toBe('rotary');
    const one = fromConfig(gemma, { layerType: 'sliding_attention' }) as RotaryEncoding;
    expect(one.spectrum(32).inverseFrequencies[1]).toBeCloseTo(1e4 ** (-2 / 32), 12);
    expect(() => fromConfig(gemma)).toThrow(
      'fromConfig: the layers of this model have 2 encodings (types: sliding_attention, full_attention); name a layerType, or use layersFromConfig, got "rotary, rotary"',
    );
    expect(() => fromConfig(gemma, { layerType: 'chunked' })).toThrow(
      'fromConfig: layerType must be one of sliding_attention, full_attention, the layers of this model, got "chunked"',
    );
  });

  it('is shared by layer types that turn alike', () => {
    const layers = layersFromConfig({
      model_type: 'olmo3',
      ...small,
      rope_theta: 500_000,
      layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'linear_attention'],
    });
    expect(layers[0]).toBe(layers[1]);
    expect(layers[3]!.kind).toBe('none');
  });

  it('has the layout its weights were trained with', () => {
    const layoutOf = (config: object) => (fromConfig({ ...small, ...config }) as RotaryEncoding).layout;
    expect(layoutOf({ model_type: 'llama' })).toBe('half');
    expect(layoutOf({ model_type: 'cohere' })).toBe('interleaved');
    expect(layoutOf({ model_type: 'deepseek_v3', qk_rope_head_dim: 16 })).toBe('interleaved');
    expect(layoutOf({ model_type: 'deepseek_v3', qk_rope_head_dim: 16, rope_interleave: false })).toBe(
      'half',
    );
    const gptj = fromConfig({ model_type: 'gptj', n_embd: 64, n_head: 2, rotary_dim: 8 }) as RotaryEncoding;
    expect([gptj.layout, gptj.spectrum(32).R]).toEqual(['interleaved', 8]);
  });

  it('is read from the language part of a configuration', () => {
    const encoding = fromConfig({ model_type: 'gemma3', text_config: { model_type: 'llama', ...small } });
    expect(encoding.name).toBe('rotary');
  });

  it('takes the widths of Gemma 4, whose full layers have heads of their own', () => {
    const config = {
      model_type: 'gemma4_text',
      hidden_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      head_dim: 32,
      global_head_dim: 64,
      layer_types: ['sliding_attention', 'full_attention'],
      rope_parameters: {
        sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
        full_attention: { rope_type: 'proportional', partial_rotary_factor: 0.25, rope_theta: 1_000_000 },
      },
    };
    const full = fromConfig(config, { layerType: 'full_attention' }) as RotaryEncoding;
    const { R, inverseFrequencies } = full.spectrum(64);
    expect([R, inverseFrequencies.filter((f) => f > 0).length]).toEqual([64, 8]);
  });

  it('can be fixed at a length', () => {
    const config = {
      model_type: 'llama',
      ...small,
      max_position_embeddings: 32,
      rope_scaling: { type: 'dynamic', factor: 2 },
    };
    expect((fromConfig(config) as RotaryEncoding).dependsOnLength?.boundary).toBe(32);
    expect((fromConfig(config, { length: 64 }) as RotaryEncoding).dependsOnLength).toBeUndefined();
  });
});

describe('other kinds', () => {
  const device = createReference();

  it('ALiBi: always in Bloom and MPT, by flag elsewhere, scaled in Falcon', async () => {
    const last = async (config: object, H: number) => {
      const encoding = fromConfig({ num_hidden_layers: 1, ...config });
      if (encoding.kind !== 'bias') throw new Error(`is ${encoding.kind}`);
      return (await encoding.matrix(H, 1, 1 + 1, 0)).at(-1)!;
    };
    expect(await last({ model_type: 'bloom' }, 4)).toBe(-(2 ** -8));
    expect(await last({ model_type: 'mpt', attn_config: { alibi: true, alibi_bias_max: 4 } }, 4)).toBe(
      -(2 ** -4),
    );
    // MPT without it has trained positions
    expect(() =>
      fromConfig({ model_type: 'mpt', num_hidden_layers: 1, attn_config: { alibi: false } }),
    ).toThrow('the positions of mpt are trained; give the position embedding');
    expect(await last({ position_embedding_type: 'alibi' }, 2)).toBe(-(2 ** -8));
    const falcon = { model_type: 'falcon', alibi: true, hidden_size: 64, num_attention_heads: 4 };
    expect(await last(falcon, 4)).toBe(-(2 ** -8) / 4);
    expect(fromConfig({ ...falcon, alibi: false }).name).toBe('rotary');
  });

  it('ModernBERT rotates though its files say what BERT’s do', () => {
    const config = {
      model_type: 'modernbert',
      num_hidden_layers: 3,
      hidden_size: 24,
      num_attention_heads: 3,
      max_position_embeddings: 64,
      position_embedding_type: 'absolute',
    };
    expect(layersFromConfig(config).map(({ name }) => name)).toEqual(['rotary', 'rotary', 'rotary']);
  });

  it('T5, learned and sinusoidal tables', async () => {
    const table = tensor(device, new Float32Array(32 * 2), [32, 2]);
    const t5 = { model_type: 't5', num_layers: 2, relative_attention_max_distance: 64 };
    const encoder = fromConfig(t5, { table, stack: 'encoder' }) as T5Bias;
    expect(encoder.buckets(1, 2)[1]).toBe(17);
    expect((fromConfig(t5, { table }) as T5Bias).buckets(1, 2)[1]).toBe(0);
    expect(layersFromConfig(t5, { table })).toHaveLength(2);
    const rows = tensor(
      device,
      Float32Array.from({ length: 8 }, (_, i) => i),
      [4, 2],
    );
    const opt = fromConfig({ model_type: 'opt' }, { table: rows });
    if (opt.kind !== 'input') throw new Error(`is ${opt.kind}`);
    expect(await opt.rows(2, [0])).toEqual(Float64Array.of(4, 5));
    const roberta = fromConfig({ model_type: 'roberta', pad_token_id: 0 }, { table: rows });
    if (roberta.kind !== 'input') throw new Error(`is ${roberta.kind}`);
    expect(await roberta.rows(2, [0])).toEqual(Float64Array.of(2, 3));
    expect(fromConfig({ model_type: 'marian' }).name).toBe('sinusoidal');
    expect(fromConfig({ position_embedding_type: 'nope' }).kind).toBe('none');
    expect(() => fromConfig({ model_type: 'gpt2' })).toThrow(
      'fromConfig: options.table is missing: the positions of gpt2 are trained; give the position embedding, got "no table"',
    );
  });
});

describe('refuses', () => {
  const llama = { model_type: 'llama', ...small, max_position_embeddings: 128 };
  const refusal = (config: object): string => {
    try {
      fromConfig({ ...llama, ...config });
    } catch (error) {
      expect(error).toBeInstanceOf(ValueError);
      return (error as Error).message;
    }
    throw new Error('not refused');
  };
  const known = 'known: default, linear, ntk, dynamic, yarn, longrope, llama3, proportional (su: longrope)';

  it.each([
    [
      { rope_scaling: { type: 'spiral', factor: 2 } },
      `config.rope_scaling.type is not a known type of scaling; ${known}, got "spiral"`,
    ],
    [
      { rope_parameters: { rope_type: 'mrope' } },
      `config.rope_parameters.rope_type is not a known type of scaling; ${known}, got "mrope"`,
    ],
    [
      { rope_scaling: { type: 'constructor' } },
      `config.rope_scaling.type is not a known type of scaling; ${known}, got "constructor"`,
    ],
    [
      { rope_scaling: { type: 'linear' } },
      'config.rope_scaling.factor is missing: how many times longer a sequence may be, got "no such field"',
    ],
    [
      { rope_scaling: { type: 'linear', factor: '2' } },
      'config.rope_scaling.factor must be a finite number > 0, got "2"',
    ],
    [
      { rope_scaling: { type: 'linear', factor: 0 } },
      'config.rope_scaling.factor must be a finite number > 0, got 0',
    ],
    [
      { rope_scaling: { type: 'linear', factor: Number.NaN } },
      'config.rope_scaling.factor must be a finite number > 0, got NaN',
    ],
    [
      { rope_scaling: { factor: 2 } },
      'config.rope_scaling.rope_type is missing: a factor alone does not say how to scale, got "no such field"',
    ],
    [
      { rope_scaling: { type: 'linear', rope_type: 'yarn', factor: 2 } },
      'config.rope_scaling.rope_type says "yarn" and type "linear"; leave one, got "two types"',
    ],
    [
      { rope_scaling: { type: 'default', mrope_section: [2, 3, 3] } },
      'config.rope_scaling.mrope_section is not a known field, and ignoring it might turn by wrong angles',
    ],
    [{ rope_scaling: 'linear' }, 'config.rope_scaling must be a dictionary or null, got "linear"'],
    [
      { rope_scaling: { type: 'longrope', factor: 2, short_factor: [1, 1], long_factor: [1, 1] } },
      'config.rope_scaling.short_factor must have one number for each of the 8 pairs of a head that turn, got "2 numbers"',
    ],
    [
      { rope_scaling: { type: 'longrope', factor: 2, short_factor: [1, 'x'], long_factor: [1, 1] } },
      'config.rope_scaling.short_factor must be a list of numbers > 0, got [1, x]',
    ],
    [{ rope_theta: -1 }, 'config.rope_theta must be a finite number > 0, got -1'],
    [
      { partial_rotary_factor: 1.5 },
      'config.partial_rotary_factor must be in (0, 1], the share of a head that turns, got 1.5',
    ],
    [
      { model_type: 'phi', partial_rotary_factor: 0.2 },
      'config.partial_rotary_factor must let an even number ≥ 2 of the 16 numbers of a head turn, since they turn in pairs; 3 would, got 0.2',
    ],
    [
      { hidden_size: null },
      'config.head_dim is missing: give it, or hidden_size and num_attention_heads, got "no such field"',
    ],
    [
      { layer_types: ['full_attention'] },
      'config.layer_types must have one name for each of the 4 layers, got "1 names"',
    ],
    [
      {
        model_type: 'laguna',
        rope_parameters: { full_attention: { rope_type: 'default' } },
        layer_types: Array(4).fill('sliding_attention'),
      },
      'config.rope_parameters.sliding_attention is missing: the file has full_attention, got "no such field"',
    ],
    [
      { rope_parameters: { full_attention: { rope_type: 'default' } } },
      'config.rope_parameters.full_attention is not a known field',
    ],
    [{ no_rope_layers: [1, 2] }, 'config.no_rope_layers must be a list of 0 (no rotation) and 1, got [1, 2]'],
    [
      { rope_parameters: { rope_type: 'default' }, rope_scaling: { type: 'linear', factor: 2 } },
      'config.rope_parameters and rope_scaling (its old name) say different things; leave one, got "two dictionaries"',
    ],
    [
      { position_embedding_type: 'relative_key' },
      'config.position_embedding_type is not known; known: rope, rotary, rope_gptj, alibi, absolute, learned, learned_absolute, sinusoidal, nope, none, got "relative_key"',
    ],
    [{ model_type: 'constructor' }, 'config.model_type is no family whose positions are known'],
    [
      { model_type: 'strange' },
      'config.model_type is no family whose positions are known; put the name of one that it is built like, such as llama. Known: EvollaModel, afmoe, ',
    ],
  ])('%o', (config, message) => {
    expect(refusal(config)).toContain(message);
  });

  it('what is no configuration', () => {
    expect(() => fromConfig([] as never)).toThrow(
      'fromConfig: config must be the object of a config.json, got []',
    );
  });
});

it('knows the name that Cohere 2 has for pairs of neighbours, and holds the family to it', () => {
  const config = {
    model_type: 'cohere2',
    position_embedding_type: 'rope_gptj',
    hidden_size: 32,
    num_attention_heads: 4,
    num_hidden_layers: 4,
    rope_theta: 50_000,
    rotary_pct: 1,
  };
  const layers = layersFromConfig(config);
  expect(layers.map(({ name }) => name)).toEqual(['rotary', 'rotary', 'rotary', 'none']);
  expect((layers[0] as RotaryEncoding).layout).toBe('interleaved');
  expect(() => layersFromConfig({ ...config, model_type: 'llama' })).toThrow(
    'config.position_embedding_type turns neighbours in pairs, and llama turns the halves of a head',
  );
});
