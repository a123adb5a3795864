import { describe, expect, it } from 'vitest';
import golden from '../../golden/families.json' with { type: 'json' };
import type { RotaryEncoding } from '../contract.ts';
import { layersFromConfig } from './from-config.ts';
import { type HuggingFaceConfig, isDictionary } from './read.ts';
import { otherRotations } from './rotary-families.ts';

interface Kind {
  readonly D: number;
  /** Where it is not half of D. */
  readonly pairs?: number;
  /** Where it is not half-split. */
  readonly layout?: string;
  /** The second frequency, the middle one, the last, and the sum of the logarithms of those that turn. */
  readonly f: readonly number[];
  readonly attention?: number;
  /** A length, and the same four there. */
  readonly grown?: readonly number[];
}

/** Files that transformers loads and we refuse, since it passes over what they say. */
const refused: Readonly<Record<string, string>> = {
  // half of 42 numbers is odd; transformers rounds the pairs up and keeps 21 in the exponent
  'glm4_moe, default': 'even number',
  'glm4v_moe_text, default': 'even number',
  'qwen3_omni_moe_text, default': 'even number',
  // said, and never read
  'minimax_m3_vl_text, default': 'config.rotary_dim is not read by transformers 5',
  // 64 of a head of 16: transformers fails at the first token
  'gptj, silent': 'config.rotary_dim must be an even number of the 16',
  'codegen, silent': 'config.rotary_dim must be an even number of the 16',
  // learned positions, whose table no configuration holds
  'esm, default': 'options.table is missing',
  'esm, silent': 'options.table is missing',
};

/** Names in the place of letters, which keep the file small. */
function spellOut(config: HuggingFaceConfig): HuggingFaceConfig {
  const letters = golden.letters as Readonly<Record<string, string>>;
  const names = (value: unknown) =>
    typeof value === 'string' ? [...value].map((letter) => letters[letter]!) : value;
  const { layer_types, layers_block_type, mlp_layer_types, ...rest } = config;
  return {
    ...rest,
    ...(layer_types === undefined ? {} : { layer_types: names(layer_types) }),
    ...(layers_block_type === undefined ? {} : { layers_block_type: names(layers_block_type) }),
    ...(mlp_layer_types === undefined ? {} : { mlp_layer_types: names(mlp_layer_types) }),
  };
}

function summary(f: Float64Array | readonly number[]): readonly number[] {
  const logarithms = [...f].filter((x) => x > 0).map(Math.log);
  return [f[Math.min(1, f.length - 1)]!, f[f.length >> 1]!, f.at(-1)!, logarithms.reduce((a, b) => a + b, 0)];
}

function mustBeNear(got: readonly number[], want: readonly number[], what: string): void {
  want.forEach((number, i) => {
    const slack = 2e-5 * Math.max(Math.abs(number), i === 3 ? 1 : 0);
    expect(Math.abs(got[i]! - number), `${what} ${i}: ${got[i]}, not ${number}`).toBeLessThanOrEqual(slack);
  });
}

function mustTurn(encoding: RotaryEncoding, want: Kind): void {
  const { R, inverseFrequencies, attentionFactor } = encoding.spectrum(want.D);
  expect([R / 2, encoding.layout]).toEqual([want.pairs ?? want.D / 2, want.layout ?? 'half']);
  mustBeNear(summary(inverseFrequencies), want.f, 'frequency');
  expect(attentionFactor).toBeCloseTo(want.attention ?? 1, 5);
  if (!want.grown) return;
  const [length, ...grown] = want.grown;
  mustBeNear(summary(encoding.spectrum(want.D, length).inverseFrequencies), grown, 'grown frequency');
}

describe(`layer by layer as ${golden.source} has them`, () => {
  const cases = golden.cases.map((one) => [one.name, one] as const);

  it.each(cases)('%s', (name, one) => {
    const config = spellOut(one.config);
    const family = String(config.model_type);
    if (one.layers === null || Object.hasOwn(otherRotations, family)) {
      expect(() => layersFromConfig(config)).toThrow('config.model_type');
      return;
    }
    if (Object.hasOwn(refused, name)) {
      expect(() => layersFromConfig(config)).toThrow(refused[name]!);
      return;
    }
    const layers = layersFromConfig(config);
    const kinds: readonly Kind[] = one.kinds;
    const want = typeof one.layers === 'number' ? '0'.repeat(one.layers) : one.layers;
    const turning = layers.map(({ kind }) => (kind === 'none' ? '-' : '0')).join('');
    // transformers counts every pass of this one's layers as a layer
    if (name !== 'hrm_text, silent') expect(turning).toBe(want.replaceAll(/\d/g, '0'));
    layers.forEach((encoding, layer) => {
      if (encoding.kind === 'rotation') mustTurn(encoding, kinds[Number(want[layer])]!);
    });
    // layers that transformers turns alike share the encoding, and with it its tables
    const shared = new Set(layers.filter(({ kind }) => kind === 'rotation'));
    expect(shared.size).toBeLessThanOrEqual(
      Math.max(kinds.length, isDictionary(config.rope_parameters) ? 2 : 1),
    );
  });

  it('has every family of ours, and refuses no other', () => {
    const tried = golden.cases.filter(({ name }) => name.endsWith(', default')).length;
    expect(tried).toBeGreaterThan(195);
    expect(golden.cases.filter(({ name }) => name.startsWith('random'))).toHaveLength(400);
  });
});
