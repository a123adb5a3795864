import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Choice,
  chain,
  createSampler,
  defineFilter,
  draw,
  drawDescending,
  type Filter,
  greedy,
  gumbelMax,
  minP,
  mirostat1,
  mirostat2,
  noRepeatNgram,
  presencePenalty,
  repetitionPenalty,
  temperature,
  topA,
  topK,
  topNSigma,
  topP,
  typical,
  xtc,
} from './index.ts';
import { propertyRuns } from './testing/property.ts';

/** A candidate, and a list of them by ascending id: the plain form that the slow versions work on. */
interface Candidate {
  readonly id: number;
  readonly logit: number;
}
type Step = (list: readonly Candidate[]) => readonly Candidate[];

/** A filter beside its slow version, written down from its definition. */
interface Pair {
  readonly name: string;
  readonly make: () => Filter;
  readonly slow: Step;
}

const probabilities = (list: readonly Candidate[]): number[] => {
  const most = Math.max(...list.map(({ logit }) => logit));
  const weights = list.map(({ logit }) => Math.exp(logit - most));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
};
const byLogit = (list: readonly Candidate[]): Candidate[] =>
  [...list].sort((a, b) => b.logit - a.logit || a.id - b.id);
const byId = (list: readonly Candidate[]): Candidate[] => [...list].sort((a, b) => a.id - b.id);
const best = (list: readonly Candidate[]): Candidate => byLogit(list)[0]!;
const above = (list: readonly Candidate[], edge: number): readonly Candidate[] => {
  const kept = list.filter(({ logit }) => logit >= edge - 1e-12);
  return kept.length > 0 ? kept : [best(list)];
};

/** Tokens in an order until their probability reaches `p`. A sum within rounding of `p` has no one right answer. */
function prefix(order: readonly Candidate[], list: readonly Candidate[], p: number): readonly Candidate[] {
  const share = probabilities(list);
  let sum = 0;
  const count = order.findIndex(({ id }) => {
    sum += share[list.findIndex((candidate) => candidate.id === id)]!;
    fc.pre(Math.abs(sum - p) > 1e-9);
    return sum >= p;
  });
  return byId(order.slice(0, count < 0 ? order.length : count + 1));
}

const pairs: fc.Arbitrary<Pair> = fc.oneof(
  fc.constantFrom(0.3, 0.5, 1, 2, 7).map((T) => ({
    name: `temperature ${T}`,
    make: () => temperature(T),
    slow: (list: readonly Candidate[]) => list.map(({ id, logit }) => ({ id, logit: logit / T })),
  })),
  fc.integer({ min: 1, max: 12 }).map((k) => ({
    name: `top ${k}`,
    make: () => topK(k),
    slow: (list: readonly Candidate[]) => above(list, byLogit(list)[Math.min(k, list.length) - 1]!.logit),
  })),
  fc.integer({ min: 1, max: 12 }).map((k) => ({
    name: `exactly ${k}`,
    make: () => topK(k, { ties: 'cut' }),
    slow: (list: readonly Candidate[]) => byId(byLogit(list).slice(0, k)),
  })),
  fc.constantFrom(0.11, 0.37, 0.63, 0.91).map((p) => ({
    name: `top-p ${p}`,
    make: () => topP(p),
    slow: (list: readonly Candidate[]) => prefix(byLogit(list), list, p),
  })),
  fc.constantFrom(0.11, 0.37, 0.63, 0.91).map((p) => ({
    name: `top-p ${p}, higher ids`,
    make: () => topP(p, { ties: 'higher' }),
    slow: (list: readonly Candidate[]) =>
      prefix(
        [...list].sort((a, b) => b.logit - a.logit || b.id - a.id),
        list,
        p,
      ),
  })),
  fc.constantFrom(0.013, 0.11, 0.77).map((m) => ({
    name: `min-p ${m}`,
    make: () => minP(m),
    slow: (list: readonly Candidate[]) => above(list, best(list).logit + Math.log(m)),
  })),
  fc.constantFrom(0.7, 1.3).map((n) => ({
    name: `top-nσ ${n}`,
    make: () => topNSigma(n),
    slow: (list: readonly Candidate[]) => {
      const mean = list.reduce((sum, { logit }) => sum + logit, 0) / list.length;
      const variance = list.reduce((sum, { logit }) => sum + (logit - mean) ** 2, 0) / list.length;
      return above(list, best(list).logit - n * Math.sqrt(variance));
    },
  })),
);

/** Logits with many ties and some tokens that may not come; at least one may. */
const logits = fc
  .array(fc.oneof(fc.integer({ min: -12, max: 12 }), fc.constant(-Infinity)), { minLength: 2, maxLength: 40 })
  .filter((row) => row.some((logit) => logit > -Infinity))
  .map((row) => Float32Array.from(row, (logit) => logit / 4));

it('leaves what its slow versions leave one after the other', () => {
  fc.assert(
    fc.property(logits, fc.array(pairs, { maxLength: 5 }), (row, filters) => {
      let list: readonly Candidate[] = Array.from(row, (logit, id) => ({ id, logit })).filter(
        ({ logit }) => logit > -Infinity,
      );
      for (const { slow } of filters) list = slow(list);
      const copy = row.slice();
      const sampler = createSampler(chain(...filters.map(({ make }) => make()), draw()), { seed: 1 });
      const found = sampler.distribution(row);
      expect([...found.ids]).toEqual(list.map(({ id }) => id));
      probabilities(list).forEach((p, i) => {
        expect(found.probabilities[i]).toBeCloseTo(p, 9);
      });
      expect(row).toEqual(copy);
    }),
    propertyRuns(400),
  );
});

const anyFilter: fc.Arbitrary<() => Filter> = fc.oneof(
  pairs.map(({ make }) => make),
  fc.constantFrom<() => Filter>(
    () => typical(0.6),
    () => typical(0.6, { ties: 'cut' }),
    () => topA(0.3),
    () => xtc({ probability: 0.5, threshold: 0.1 }),
    () => repetitionPenalty(1.3),
    () => presencePenalty(0.4),
    () => noRepeatNgram(2),
  ),
);
const anyChoice = fc.constantFrom<() => Choice>(
  draw,
  drawDescending,
  greedy,
  gumbelMax,
  mirostat1,
  mirostat2,
);
/** A constraint that allows the ids of one remainder, which moves on with every token. */
const turning = (): Filter =>
  defineFilter<{ turn: number }>({
    name: 'turning',
    options: {},
    start: () => ({ turn: 0 }),
    apply: (candidates, _, { turn }) =>
      candidates.keepOnly(Array.from({ length: 40 }, (_, id) => id).filter((id) => id % 3 !== turn % 3)),
    accept: (_, __, state) => {
      state.turn++;
    },
  });
const anyChain = fc
  .tuple(fc.array(anyFilter, { maxLength: 5 }), anyChoice, fc.boolean())
  .map(([filters, choice, checked]) => ({
    ...chain(...filters.map((make) => make()), choice()),
    ...(checked && { check: turning() }),
  }));
const rows = fc.array(logits, { minLength: 1, maxLength: 6 });

it('is the same run from a clone, from its state as JSON, and explained', () => {
  fc.assert(
    fc.property(anyChain, rows, rows, fc.nat(), (recipe, before, after, seed) => {
      const sampler = createSampler(recipe, { seed });
      const ids: number[] = [];
      for (const row of before) ids.push(sampler.sample(row, { ids }));
      const state = JSON.parse(JSON.stringify(sampler.state()));
      const copies = [sampler.clone(), createSampler(recipe, { state })];
      const explained = sampler.clone();
      for (const row of after) {
        const id = sampler.sample(row, { ids });
        expect(row[id]).toBeGreaterThan(-Infinity);
        for (const copy of copies) expect(copy.sample(row, { ids })).toBe(id);
        const { choice, stages } = explained.explain(row, { ids });
        expect(choice.id).toBe(id);
        if (stages.length > 0) expect([...stages.at(-1)!.ids]).toContain(id);
        ids.push(id);
      }
      expect(explained.state()).toEqual(sampler.state());
    }),
    propertyRuns(300),
  );
});

it('draws only what its distribution has, and a check refuses nothing that is drawn', () => {
  fc.assert(
    fc.property(anyChain, rows, fc.nat(), (recipe, all, seed) => {
      fc.pre(recipe.choice.distribution !== undefined);
      const sampler = createSampler(recipe, { seed });
      all.forEach((row, turn) => {
        // a rule that itself draws takes its number for the distribution too, so each looks with its own copy
        const { ids, probabilities: p } = sampler.clone().distribution(row);
        expect([...ids]).toEqual([...ids].sort((a, b) => a - b));
        expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
        const id = sampler.sample(row);
        if (!recipe.filters.some(({ name }) => name === 'xtc')) expect([...ids]).toContain(id);
        const allowed = Array.from(row, (_, at) => at).filter(
          (at) => row[at]! > -Infinity && at % 3 !== turn % 3,
        );
        if (recipe.check && allowed.length > 0) expect(allowed).toContain(id);
      });
    }),
    propertyRuns(300),
  );
});
