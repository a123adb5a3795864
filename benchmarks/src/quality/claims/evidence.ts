import { type Mean, meanOf } from '../summary.ts';
import { claims } from './claims.ts';
import type { Claim, Claims, ContenderResult, Evidence, Verdict } from './contract.ts';

/** What the cells say, seed by seed. */
export function evidenceOf({ recipe, cells }: Claims): Evidence {
  const { T, seeds } = recipe;
  const bySeed = new Map(
    seeds.map((seed) => [
      seed,
      Object.assign(
        {},
        ...cells.filter((cell) => cell.seed === seed).map(({ results }) => results),
      ) as Record<string, ContenderResult>,
    ]),
  );
  const results = (name: string): ContenderResult[] =>
    seeds.flatMap((seed) => {
      const result = bySeed.get(seed)?.[name];
      return result ? [result] : [];
    });
  const lossOf = (name: string, seed: number, past?: number): number | undefined => {
    const result = bySeed.get(seed)?.[name];
    return past === undefined ? result?.nats : result?.past?.[past * T];
  };
  const growthOf = (name: string, seed: number, past: number): number | undefined =>
    less(lossOf(name, seed, past), lossOf(name, seed));
  const meanOver = (names: readonly string[], of: (seed: number) => number | undefined): Mean => {
    const values = seeds.flatMap((seed) => of(seed) ?? []);
    if (values.length === 0) {
      const missing = names.find((name) => results(name).every(({ status }) => status !== 'ok')) ?? names[0]!;
      throw new Error(`${missing}: ${results(missing)[0]?.reason ?? 'not trained'}`);
    }
    return meanOf(values);
  };
  return {
    T,
    difference: (a, b, at) =>
      meanOver([a, b], (seed) => less(lossOf(a, seed, at?.past), lossOf(b, seed, at?.past))),
    growth: (name, past) => meanOver([name], (seed) => growthOf(name, seed, past)),
    growthDifference: (a, b, past) =>
      meanOver([a, b], (seed) => less(growthOf(a, seed, past), growthOf(b, seed, past))),
    kvPerToken(name) {
      const found = results(name).find(({ kvPerToken }) => kvPerToken !== undefined)?.kvPerToken;
      if (found === undefined) throw new Error(`${name}: not trained`);
      return found;
    },
  };
}

function less(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b;
}

/** Every claim with what came out of it. */
export function judged(results: Claims): readonly (Claim & { readonly verdict: Verdict })[] {
  const evidence = evidenceOf(results);
  return claims.map((claim) => {
    try {
      return { ...claim, verdict: claim.judge(evidence) };
    } catch (error) {
      return {
        ...claim,
        verdict: { outcome: 'not trained', ours: `no result: ${(error as Error).message}` },
      };
    }
  });
}
