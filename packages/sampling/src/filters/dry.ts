import { defineFilter, defineRule, type Filter, type SampleContext } from '../contract.ts';
import { checkIds, checkLists, checkNumber, checkOptions, checkWhole, SamplingError } from '../errors.ts';
import { checkWindow, windowStart } from './window.ts';

/** Options of {@link dry}. */
export interface DryOptions {
  /** Strength; 0 switches the rule off. llama.cpp suggests 0.8. */
  readonly multiplier: number;
  /** Growth of the penalty with every repeated token. */
  readonly base?: number;
  /** Repetitions up to this length cost nothing. */
  readonly allowedLength?: number;
  /** How far back repetitions are looked for. */
  readonly lastTokens?: number;
  /** Token sequences across which no repetition counts: the ids of `"\n"`, `":"`, `"\""`, `"*"` in your tokenizer. */
  readonly sequenceBreakers?: readonly (readonly number[])[];
}

/**
 * Don't repeat yourself (DRY): penalises a token by the length of the passage it would repeat verbatim.
 *
 * ```text
 * n(x) = longest suffix of the text that came before and was then followed by x
 * n(x) ≥ allowed:  l_x ← l_x − multiplier · base^(n(x) − allowed)
 * ```
 *
 * All `n` come from one pass of the Z-algorithm over the reversed window, `O(window)`. The exponent is capped at
 * `88.72 / ln base` (float32's range). A breaker ends the suffix, and a breaker of one token is never penalised.
 *
 * @see p-e-w 2024, {@link https://github.com/oobabooga/text-generation-webui/pull/5677}; llama.cpp's form.
 *
 * @throws {SamplingError} if `multiplier` is no number ≥ 0, `base` no number ≥ 1, `allowedLength` no whole number ≥ 1,
 * `lastTokens` neither a whole number ≥ 0 nor Infinity, or a breaker is empty or no list of token ids; at a step, if a
 * logit would become infinite.
 */
export function dry(options: DryOptions): Filter {
  checkOptions('dry', options, 'multiplier');
  const {
    multiplier,
    base = 1.75,
    allowedLength = 2,
    lastTokens = Infinity,
    sequenceBreakers = [],
  } = options;
  checkNumber('dry', 'multiplier', multiplier, { atLeast: 0 }, '0 changes nothing');
  checkNumber('dry', 'base', base, { atLeast: 1 });
  checkWhole('dry', 'allowedLength', allowedLength, 1);
  checkLists('dry', 'sequenceBreakers', sequenceBreakers);
  sequenceBreakers.forEach((breaker, i) => {
    checkIds('dry', `sequenceBreakers[${i}]`, breaker);
    if (breaker.length === 0) throw new SamplingError('dry', `sequenceBreakers[${i}] is empty; leave it out`);
  });
  const window = checkWindow('dry', { lastTokens }, 'all');
  const single = new Set(sequenceBreakers.filter((breaker) => breaker.length === 1).map(([id]) => id!));
  const cap = base > 1.000001 ? Math.floor(88.7228391 / Math.log(base)) : Infinity;
  return defineFilter({
    name: 'dry',
    options: { multiplier, base, allowedLength, lastTokens, sequenceBreakers },
    apply(candidates, context) {
      if (multiplier === 0) return;
      for (const [id, length] of repeats(
        context,
        windowStart(context, window),
        sequenceBreakers,
        allowedLength,
      )) {
        const i = candidates.indexOf(id);
        if (i < 0 || single.has(id)) continue;
        const penalty = multiplier * base ** Math.min(length - allowedLength, cap);
        candidates.setLogit(i, candidates.logits[i]! - penalty);
      }
    },
  });
}

/** For each token that would extend a repetition of at least `allowed` tokens: how long that repetition is. */
function repeats(
  { ids }: SampleContext,
  start: number,
  breakers: readonly (readonly number[])[],
  allowed: number,
): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  const length = ids.length - start;
  const limit = reach(ids, start, breakers);
  if (limit < allowed) return found;
  // z[i]: how many of the last tokens are also there i places earlier
  const last = ids.length - 1;
  const z = new Int32Array(length);
  let left = 0;
  let right = 0;
  for (let i = 1; i < length; i++) {
    let same = i < right ? Math.min(right - i, z[i - left]!) : 0;
    while (i + same < length && ids[last - same] === ids[last - i - same]) same++;
    z[i] = same;
    if (i + same > right) [left, right] = [i, i + same];
    const repeated = Math.min(same, limit);
    if (repeated < allowed) continue;
    const next = ids[last - i + 1]!;
    if (repeated > (found.get(next) ?? 0)) found.set(next, repeated);
  }
  return found;
}

/** Tokens since the last sequence breaker. */
function reach(ids: readonly number[], start: number, breakers: readonly (readonly number[])[]): number {
  for (let i = ids.length - 1; i >= start; i--) {
    let longest = 0;
    for (const breaker of breakers) {
      const complete = i + breaker.length <= ids.length && breaker.every((id, k) => ids[i + k] === id);
      if (complete) longest = Math.max(longest, breaker.length);
    }
    if (longest > 0) return ids.length - i - longest;
  }
  return ids.length - start;
}

export const dryRule = defineRule({
  name: 'dry',
  formula: 'l − mult · base^(n − allowed), n = length of the repetition x would extend',
  source: {
    title: 'DRY: a modern repetition penalty',
    authors: 'p-e-w',
    year: 2024,
    url: 'https://github.com/oobabooga/text-generation-webui/pull/5677',
  },
  defaults: {
    multiplier: 0.8,
    base: 1.75,
    allowedLength: 2,
    lastTokens: Infinity,
    sequenceBreakers: [] as readonly (readonly number[])[],
  },
  build: (options) => dry(options),
});
