import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { createRandom } from '../random/xoshiro.ts';
import { applyFilters } from '../testing/tools.ts';
import { type DryOptions, dry } from './dry.ts';

checkSampler(() => dry({ multiplier: 0.8, sequenceBreakers: [[9], [1, 2]] }));

/** The definition: for each token, the longest suffix of the text that it followed before. */
function naive(ids: readonly number[], vocabulary: number, options: DryOptions): number[] {
  const {
    multiplier,
    base = 1.75,
    allowedLength = 2,
    lastTokens = Infinity,
    sequenceBreakers = [],
  } = options;
  const text = ids.slice(Math.max(0, ids.length - lastTokens));
  // the suffix may not reach back into the latest breaker
  let limit = text.length;
  for (let start = text.length - 1; start >= 0 && limit === text.length; start--) {
    const here = sequenceBreakers.filter((b) => b.every((id, k) => text[start + k] === id));
    if (here.length > 0) limit = text.length - start - Math.max(...here.map((b) => b.length));
  }
  return Array.from({ length: vocabulary }, (_, x) => {
    let longest = 0;
    for (let at = 0; at < text.length; at++) {
      if (text[at] !== x) continue;
      let n = 0;
      while (n < at && text[at - 1 - n] === text[text.length - 1 - n]) n++;
      longest = Math.max(longest, Math.min(n, limit));
    }
    const isBreaker = sequenceBreakers.some((b) => b.length === 1 && b[0] === x);
    return longest >= allowedLength && !isBreaker ? -multiplier * base ** (longest - allowedLength) : 0;
  });
}

it('ends a repetition after the longest breaker that stands there, in whatever order they are given', () => {
  // 5 6 7 8 comes again; of what follows the breaker 6 7, one token repeats
  const ids = [5, 6, 7, 8, 9, 0, 5, 6, 7, 8];
  for (const sequenceBreakers of [
    [[6, 7], [6]],
    [[6], [6, 7]],
  ]) {
    const options = { multiplier: 1, base: 2, allowedLength: 1, sequenceBreakers };
    const { logits } = applyFilters(dry(options), new Array<number>(10).fill(0), { ids });
    expect([...logits]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, -1]);
  }
});

it('penalises by the length of the passage a token would repeat', () => {
  // the text ends in 1 2 3, which was followed by 4 before, and in 2 3, which was also followed by 5
  const ids = [1, 2, 3, 4, 0, 2, 3, 5, 1, 2, 3];
  const got = applyFilters(dry({ multiplier: 1, base: 2 }), new Float32Array(6), { ids }).logits;
  expect(got).toEqual([0, 0, 0, 0, -2, -1]);
});

it('equals the definition on random texts, with and without breakers and windows', () => {
  const random = createRandom(4);
  const settings: DryOptions[] = [
    { multiplier: 0.8 },
    { multiplier: 1, base: 1.2, allowedLength: 1 },
    { multiplier: 1, sequenceBreakers: [[2]] },
    {
      multiplier: 1,
      sequenceBreakers: [
        [0, 1],
        [3, 3, 1],
      ],
      allowedLength: 1,
    },
    { multiplier: 1, lastTokens: 12 },
  ];
  let penalised = 0;
  for (let round = 0; round < 200; round++) {
    const ids = Array.from({ length: Math.floor(random.next() * 40) }, () => Math.floor(random.next() * 4));
    for (const options of settings) {
      const got = applyFilters(dry(options), new Float32Array(4), { ids }).logits;
      const want = naive(ids, 4, options);
      got.forEach((l, id) => {
        expect(l, `${ids} → ${id}`).toBeCloseTo(want[id]!, 10);
      });
      penalised += want.filter((l) => l < 0).length;
    }
  }
  expect(penalised).toBeGreaterThan(500);
});

it('caps the exponent, so that a long loop stays finite', () => {
  const ids = Array<number>(2000).fill(0);
  const [l] = applyFilters(dry({ multiplier: 1 }), [0, 0], { ids }).logits;
  expect(l).toBe(-(1.75 ** Math.floor(88.7228391 / Math.log(1.75))));
});

it('refuses what makes no sense', () => {
  expect(() => dry({ multiplier: -1 })).toThrow(
    'dry: multiplier must be a number in [0, ∞), got -1; 0 changes nothing',
  );
  expect(() => dry({ multiplier: 1, sequenceBreakers: [[]] })).toThrow(
    'dry: sequenceBreakers[0] is empty; leave it out',
  );
  expect(() => dry({ multiplier: 1, allowedLength: 0 })).toThrow(
    'dry: allowedLength must be a whole number ≥ 1, got 0',
  );
});
