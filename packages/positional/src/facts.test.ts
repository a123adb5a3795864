import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { alibiSlopes } from './encodings/alibi.ts';
import { dynamicNtk } from './encodings/dynamic-ntk.ts';
import { linear } from './encodings/linear.ts';
import { llama3 } from './encodings/llama3.ts';
import { longrope } from './encodings/longrope.ts';
import { rotary } from './encodings/rotary.ts';
import { t5Buckets } from './encodings/t5.ts';
import { yarn, yarnRange } from './encodings/yarn.ts';

interface YarnFacts {
  readonly inv_freq: readonly number[];
  readonly attention_factor: number;
  readonly range: readonly number[];
}

const file = findShared('notes/facts-golden.json');
if (!file) console.log('facts: skipped, there is no shared/notes/facts-golden.json beside the repository');

describe.skipIf(!file)('vectors of the survey, to 1e-6', () => {
  const facts = file ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const mustBe = (got: ArrayLike<number>, want: readonly number[]): void => {
    expect(got.length).toBe(want.length);
    want.forEach((value, i) => {
      expect(Math.abs(got[i]! - value), `[${i}]: ${got[i]}, not ${value}`).toBeLessThanOrEqual(
        1e-6 * Math.abs(value),
      );
    });
  };

  it('frequencies', () => {
    mustBe(rotary().spectrum(8).inverseFrequencies, facts.rope_default_d8_b10000);
    mustBe(linear({ factor: 4 }).spectrum(8).inverseFrequencies, facts.rope_linear_d8_f4);
    const dynamic = dynamicNtk({ factor: 2, originalLength: 2048 }).spectrum(8, 8192);
    mustBe(dynamic.inverseFrequencies, facts.rope_dynamic_d8_f2_M2048_S8192);
    const three = llama3({ base: 500_000, factor: 8, originalLength: 8192 }).spectrum(16);
    mustBe(three.inverseFrequencies, facts.rope_llama3_d16_b500000_f8_1_4_8192);
    const short = longrope({ shortFactors: [1], longFactors: [1], factor: 32, originalLength: 4096 });
    mustBe([short.spectrum(2).attentionFactor], [facts.longrope_attention_factor_f32_L4096]);
  });

  it.each([
    ['rope_yarn_d16_b10000_f4_L4096', 16, { base: 10_000, factor: 4, originalLength: 4096, truncate: true }],
    [
      'rope_yarn_gptoss_d64_b150000_f32_L4096_notrunc',
      64,
      { base: 150_000, factor: 32, originalLength: 4096, truncate: false },
    ],
  ] as const)('%s', (name, D, options) => {
    const want: YarnFacts = facts[name];
    const { inverseFrequencies, attentionFactor } = yarn(options).spectrum(D);
    mustBe(inverseFrequencies, want.inv_freq);
    mustBe([attentionFactor], [want.attention_factor]);
    mustBe(yarnRange(D, { ...options, betaFast: 32, betaSlow: 1 }), want.range);
  });

  it.each([6, 8, 12])('slopes of %d heads', (H) => {
    mustBe(alibiSlopes(H), facts[`alibi_slopes_${H}`]);
  });

  it.each(['causal', 'bidirectional'])('T5 buckets, %s', (direction) => {
    const want: Readonly<Record<string, number>> = facts[`t5_bucket_${direction}`];
    // one query at 1000 sees keys on both sides
    const row = t5Buckets({ Lq: 1, Lk: 2001, offset: 1000 }, 32, {
      bidirectional: direction === 'bidirectional',
    });
    for (const [distance, bucket] of Object.entries(want))
      expect(row[1000 + Number(distance)], distance).toBe(bucket);
  });
});

function findShared(path: string): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); dirname(at) !== at; at = dirname(at)) {
    const candidate = join(at, 'shared', path);
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
}
