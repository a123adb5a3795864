import { ValueError } from '@headwise/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RotaryEncoding } from '../contract.ts';
import { knownFamilies } from './families.ts';
import { layersFromConfig } from './from-config.ts';
import { rotaryFamilies } from './rotary-families.ts';

const seed = 14;

/** Families with one rotation for all layers, whose spellings can be turned into each other. */
const flat = Object.keys(rotaryFamilies).filter((name) => {
  const { byType, parameters, plain, said, rotaryDim, baseField, turns, scalingNames } =
    rotaryFamilies[name]!;
  return (
    !byType &&
    !parameters &&
    !plain &&
    !said &&
    !rotaryDim &&
    !baseField &&
    !scalingNames &&
    turns !== 'hybrid'
  );
});

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });

const scaling = fc.oneof(
  fc.constant({ rope_type: 'default' }),
  fc.record({ rope_type: fc.constant('linear'), factor: number(1, 64) }),
  fc.record({ rope_type: fc.constant('dynamic'), factor: number(1, 8) }),
  fc.record(
    {
      rope_type: fc.constant('yarn'),
      factor: number(1, 64),
      original_max_position_embeddings: fc.integer({ min: 16, max: 8192 }),
      beta_fast: number(8, 64),
      beta_slow: number(0.5, 8),
      truncate: fc.boolean(),
      attention_factor: number(0.5, 2),
    },
    { requiredKeys: ['rope_type', 'factor', 'original_max_position_embeddings'] },
  ),
  fc.record({
    rope_type: fc.constant('llama3'),
    factor: number(1, 64),
    original_max_position_embeddings: fc.integer({ min: 16, max: 8192 }),
    low_freq_factor: number(0.5, 2),
    high_freq_factor: number(3, 8),
  }),
);

const file = fc.record({
  model_type: fc.constantFrom(...flat),
  hidden_size: fc.constant(320),
  num_attention_heads: fc.constant(4),
  num_hidden_layers: fc.integer({ min: 1, max: 9 }),
  max_position_embeddings: fc.integer({ min: 64, max: 100_000 }),
});

function facts(config: object): readonly unknown[] {
  return layersFromConfig(config as never).map((encoding) => {
    if (encoding.kind !== 'rotation') return encoding.kind;
    const { name, layout, dependsOnLength } = encoding as RotaryEncoding;
    const { R, inverseFrequencies, attentionFactor } = (encoding as RotaryEncoding).spectrum(320);
    return [name, layout, dependsOnLength?.boundary, R, [...inverseFrequencies], attentionFactor];
  });
}

describe('every spelling of a rotation is the same rotation', () => {
  it('of transformers 4, and 5, with the base inside or beside', () => {
    fc.assert(
      fc.property(file, scaling, number(100, 1e7), (sizes, { rope_type, ...fields }, rope_theta) => {
        const now = facts({ ...sizes, rope_parameters: { rope_type, ...fields, rope_theta } });
        expect(facts({ ...sizes, rope_theta, rope_parameters: { rope_type, ...fields } })).toEqual(now);
        expect(facts({ ...sizes, rope_theta, rope_scaling: { rope_type, ...fields } })).toEqual(now);
        expect(facts({ ...sizes, rope_theta, rope_scaling: { type: rope_type, ...fields } })).toEqual(now);
        expect(
          facts({
            model_type: 'some_vlm',
            text_config: { ...sizes, rope_theta, rope_scaling: { type: rope_type, ...fields } },
          }),
        ).toEqual(now);
      }),
      { seed, numRuns: 100 },
    );
  });

  it('a dictionary a layer type says what the fields of before said', () => {
    const old = fc.record({ model_type: fc.constantFrom('gemma3_text', 'gemma3n_text', 't5gemma2_text') });
    fc.assert(
      fc.property(old, scaling, number(100, 1e7), number(100, 1e7), ({ model_type }, own, full, local) => {
        const sizes = { model_type, head_dim: 64, num_hidden_layers: 7, max_position_embeddings: 512 };
        const before = { ...sizes, rope_theta: full, rope_local_base_freq: local, rope_scaling: own };
        const { truncate, ...rest } = own as Record<string, unknown>;
        const now = {
          ...(truncate === undefined ? {} : { truncate }),
          full_attention: { ...rest, rope_theta: full },
          sliding_attention: { rope_type: 'default', rope_theta: local },
        };
        expect(facts({ ...sizes, rope_parameters: now })).toEqual(facts(before));
      }),
      { seed, numRuns: 50 },
    );
  });
});

describe('whatever a file says', () => {
  const nasty = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(
      null,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -1,
      0,
      1e300,
      '2',
      'constructor',
      '__proto__',
      '\u001b[31m\u202e',
      'x'.repeat(20_000),
    ),
    fc.constantFrom(
      { rope_type: 'yarn' },
      { full_attention: null },
      { full_attention: { rope_type: 'linear' } },
      [1, 0],
      ['full_attention'],
    ),
  );
  const keys = [
    'rope_theta',
    'rope_scaling',
    'rope_parameters',
    'partial_rotary_factor',
    'rotary_dim',
    'head_dim',
    'hidden_size',
    'num_attention_heads',
    'num_hidden_layers',
    'layer_types',
    'no_rope_layers',
    'layer_rope_theta',
    'sliding_window',
    'sliding_window_pattern',
    'per_layer_config',
    'position_embedding_type',
    'attn_config',
    'alibi',
    'text_config',
    'qk_rope_head_dim',
    'max_position_embeddings',
    'cross_attention_layers',
  ] as const;
  const inner = [
    'rope_type',
    'type',
    'factor',
    'rope_theta',
    'original_max_position_embeddings',
    'beta_fast',
    'beta_slow',
    'truncate',
    'mscale',
    'attention_factor',
    'short_factor',
    'long_factor',
    'low_freq_factor',
    'high_freq_factor',
    'partial_rotary_factor',
    'full_attention',
    'sliding_attention',
  ] as const;
  const some = <Key extends string>(names: readonly Key[]) =>
    fc.dictionary(fc.constantFrom(...names), nasty, { maxKeys: 4 });

  it('there is an encoding, or an error of one line that names the field', () => {
    const models = fc.oneof(fc.constantFrom(...knownFamilies()), nasty);
    fc.assert(
      fc.property(
        models,
        some(keys),
        fc.option(some(inner)),
        fc.constantFrom('rope_scaling', 'rope_parameters'),
        (model_type, fields, own, key) => {
          const sizes = { hidden_size: 64, num_attention_heads: 4, num_hidden_layers: 4, model_type };
          const config = { ...sizes, ...fields, ...(own ? { [key]: { rope_type: 'linear', ...own } } : {}) };
          try {
            expect(layersFromConfig(config as never).length).toBeGreaterThan(0);
          } catch (error) {
            expect(ValueError.isInstance(error), String(error)).toBe(true);
            const { message } = error as Error;
            expect(message.length).toBeLessThan(8192);
            expect(message).not.toMatch(/[\p{Cc}\u202e]/u);
          }
        },
      ),
      { seed, numRuns: 1500 },
    );
  });
});
