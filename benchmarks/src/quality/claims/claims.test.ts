import { createReference } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { profiles } from '../../profiles.ts';
import { disguised } from '../../testing/tiny.ts';
import { claims } from './claims.ts';
import { contendersOf } from './contenders.ts';
import type { ClaimCell, Claims } from './contract.ts';
import { evidenceOf, judged } from './evidence.ts';
import { runClaims } from './run.ts';

const shape = { E: 8, H: 2, D: 4, layers: 6 };

describe('claims', () => {
  it('are about contenders that there are, and know nothing else', () => {
    const names = new Set(contendersOf(shape, 16).map(({ name }) => name));
    expect(names.size).toBe(contendersOf(shape, 16).length);
    for (const { about, id } of claims) {
      for (const name of about) expect(names, id).toContain(name);
      const asked = new Set<string>();
      const mean = { mean: 0, low: -1, high: 1, coverage: 0.95, n: 3 };
      const ask = (...of: string[]) => {
        for (const name of of) asked.add(name);
        return mean;
      };
      claims
        .find((claim) => claim.id === id)!
        .judge({
          T: 16,
          difference: (a, b) => ask(a, b),
          growth: (name) => ask(name),
          growthDifference: (a, b) => ask(a, b),
          kvPerToken: (name) => ask(name).n,
        });
      expect([...asked].toSorted(), id).toEqual(about.toSorted());
    }
  });

  const cell = (root: string, seed: number, results: Record<string, number>): ClaimCell => ({
    id: `claims/${root}/${seed}`,
    seed,
    results: Object.fromEntries(
      Object.entries(results).map(([name, nats]) => [
        name,
        { status: 'ok', nats, kvPerToken: name === 'mqa' ? 8 : 4 },
      ]),
    ),
  });
  const of = (cells: readonly ClaimCell[]): Claims => ({
    recipe: { T: 16, seeds: [1, 2, 3] } as unknown as Claims['recipe'],
    plan: [],
    cells,
  });
  const verdict = (cells: readonly ClaimCell[], id: string) =>
    judged(of(cells)).find((claim) => claim.id === id)!.verdict;

  it('hold where the intervals say so, are refuted where they say the contrary, and are open in between', () => {
    const cells = (by: (seed: number) => number): ClaimCell[] =>
      [1, 2, 3].flatMap((seed) => [
        cell('mqa', seed, { mqa: 1 + seed }),
        cell('c', seed, { 'mqa + cla2': 1 + seed + by(seed) }),
      ]);
    expect(
      verdict(
        cells((seed) => 0.002 + 1e-5 * seed),
        'cla2',
      ).outcome,
    ).toBe('as the paper');
    expect(
      verdict(
        cells((seed) => 0.1 + 1e-4 * seed),
        'cla2',
      ).outcome,
    ).toBe('not as the paper');
    expect(
      verdict(
        cells((seed) => 0.1 * (seed - 2)),
        'cla2',
      ).outcome,
    ).toBe('open');
    expect(
      verdict(
        cells((seed) => 0.002 + 1e-5 * seed),
        'cla2',
      ).ours,
    ).toBe('+0.20 % [+0.20, +0.20] at 0.500 × the bytes');
  });

  it('without a result say whose', () => {
    expect(verdict([cell('mqa', 1, { mqa: 1 })], 'cla2')).toEqual({
      outcome: 'not trained',
      ours: 'no result: mqa + cla2: not trained',
    });
    const diverged: ClaimCell = {
      id: 'claims/x/1',
      seed: 1,
      results: { 'mqa + cla2': { status: 'diverged', reason: 'step 3: the loss is NaN' } },
    };
    expect(verdict([cell('mqa', 1, { mqa: 1 }), diverged], 'cla2').ours).toBe(
      'no result: mqa + cla2: step 3: the loss is NaN',
    );
    expect(evidenceOf(of([cell('mqa', 1, { mqa: 1, other: 1.5 })])).difference('other', 'mqa')).toMatchObject(
      {
        mean: 0.5,
        n: 1,
      },
    );
  });

  it('are tried whole: every contender is trained, those that begin with what another learnt begin there', async () => {
    const made = await runClaims({
      profile: {
        ...profiles.ci.claims,
        shape,
        hidden: 12,
        T: 16,
        steps: 20,
        warmup: 2,
        seeds: [1],
        checked: 64,
        storyBytes: 1500,
      },
      device: 'main',
      deviceSource: disguised({ main: {} }),
      store: () => ({ read: () => undefined, write: () => {} }),
      machine: 'test',
      clock: { now: () => 0, stepMs: 1 },
    });
    const results = Object.assign({}, ...made.cells.map(({ results }) => results)) as ClaimCell['results'];
    for (const { name } of contendersOf(shape, 16))
      expect(results[name], `${name}: ${results[name]?.reason}`).toMatchObject({ status: 'ok' });
    // the same weights and, at the length of training, the same angles
    expect(results['mha seen through a window']!.nats).not.toBe(results.mha!.nats);
    expect(results['mqa + cla2']!.kvPerToken).toBe(results.mqa!.kvPerToken! / 2);
    expect(results['mla, cache of mqa']!.kvPerToken).toBe(results.mqa!.kvPerToken);
    expect(results.mha!.past).toEqual({ 32: expect.any(Number), 64: expect.any(Number) });
    for (const { verdict } of judged(made)) expect(verdict.ours).not.toContain('no result');
  }, 600_000);

  it('heads that are joined keep their mean, or the first', async () => {
    const device = createReference();
    const { keep, tensor } = await import('@headwise/tensor');
    // two heads of width 1 over E = 2
    const weights = {
      'layers.0.attention.k': keep(tensor(device, [1, 2, 5, 6], [2, 2])),
      embed: keep(tensor(device, [9], [1])),
    };
    const by = async (how: string): Promise<number[]> => {
      const contender = contendersOf({ E: 2, H: 2, D: 1, layers: 6 }, 16).find(
        ({ name }) => name === `mha → mqa by ${how}`,
      )!;
      const made = await contender.from!.convert(device, weights, 1);
      expect(made['layers.0.attention.k']!.shape).toEqual([1, 2]);
      expect([...(await made.embed!.data())]).toEqual([9]);
      return [...(await made['layers.0.attention.k']!.data())];
    };
    expect(await by('mean')).toEqual([3, 4]);
    expect(await by('first')).toEqual([1, 2]);
    expect(await by('random')).not.toEqual([1, 2]);
  });
});
