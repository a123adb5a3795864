import { describe, expect, it } from 'vitest';
import { agreementOf, compareResults } from './compare.ts';
import { type SampleOptions, sampleResults } from './testing/sample-results.ts';
import { ratioToBaseline } from './views.ts';

/** As many rounds as a quiet run takes: enough to tell apart among all its rows. */
const manyRounds = (options: SampleOptions = {}) => sampleResults({ rounds: 20, ...options });

describe('compareResults', () => {
  it('finds nothing to blame between two runs of the same', () => {
    const { changes, unmatched, warnings } = compareResults(
      manyRounds({ seed: 1 }),
      manyRounds({ seed: 2 }),
      1.2,
    );
    expect(changes).toHaveLength(sampleResults().rows.length);
    expect(changes.filter(({ fails }) => fails)).toEqual([]);
    expect(changes.filter(({ verdict }) => verdict === 'undecided').length).toBeGreaterThan(
      0.9 * changes.length,
    );
    expect([unmatched, warnings]).toEqual([[], []]);
  });

  it('fails the rows whose ratio to the baseline grew by more than the bound, and no other', () => {
    const worse = manyRounds({ seed: 1, worse: { grouped: 1.4 } });
    const { changes } = compareResults(worse, manyRounds({ seed: 2 }), 1.2);
    const failed = changes.filter(({ fails }) => fails);
    expect(failed).toHaveLength(16);
    expect(failed.every(({ row, verdict }) => row.subject === 'grouped' && verdict === 'slower')).toBe(true);
    expect(failed.every(({ relative }) => relative!.low < 1.4 && 1.4 < relative!.high)).toBe(true);
  });

  it('does not blame a slower machine: every time doubles, no ratio to the baseline does', () => {
    const { changes } = compareResults(manyRounds({ seed: 1, slowdown: 2 }), manyRounds({ seed: 2 }), 1.2);
    expect(changes.every(({ time }) => time.low < 2 && 2 < time.high && time.low > 1)).toBe(true);
    expect(changes.filter(({ verdict }) => verdict !== 'undecided')).toEqual([]);
  });

  it('lets a ratio that grew by less than the bound pass, and calls it slower', () => {
    const some = { noise: 0.02 } as const;
    const worse = manyRounds({ ...some, seed: 1, worse: { grouped: 1.1 } });
    const { changes } = compareResults(worse, manyRounds({ ...some, seed: 2 }), 1.2);
    expect(changes.filter(({ verdict }) => verdict === 'slower')).toHaveLength(16);
    expect(changes.filter(({ fails }) => fails)).toEqual([]);
  });

  it('has no ratio for a baseline, and none for a control', () => {
    const { changes, compared } = compareResults(manyRounds({ seed: 1 }), manyRounds({ seed: 2 }));
    const without = changes.filter(({ relative }) => relative === undefined);
    expect(without.every(({ row }) => row.control || row.baseline === undefined)).toBe(true);
    expect(without.length + compared).toBe(changes.length);
  });

  it('calls nothing changed in two runs of the same, in at least 95 of 100 comparisons', () => {
    let wrong = 0;
    for (let trial = 0; trial < 100; trial++) {
      const [a, b] = [1, 2].map((side) => manyRounds({ seed: 1000 * side + trial, noise: 0.2 }));
      const { changes } = compareResults(a!, b!);
      if (changes.some(({ verdict }) => verdict !== 'undecided')) wrong++;
    }
    expect(wrong).toBeLessThanOrEqual(5);
  });

  it('says when the rounds are too few for so many comparisons', () => {
    const { warnings } = compareResults(sampleResults({ seed: 1, worse: { grouped: 4 } }), sampleResults());
    expect(warnings).toEqual([
      'rounds: 67 of 67 ratios have fewer than 13 in one of the runs, too few to be told apart among so many (a larger --budget, or fewer --variants)',
    ]);
  });

  it.each([
    [7, 1],
    [1, 7],
    [7, 7],
    [3.2, 0.4],
  ])('warns of a run at load %d beside one at load %d', (here, there) => {
    const [a, b] = [here, there].map((load) => {
      const results = manyRounds();
      return { ...results, machine: { ...results.machine, loadAverage: [load, 1, 1] } };
    });
    expect(compareResults(a!, b!).warnings).toEqual([
      `load at the start: ${here.toFixed(1)} here, ${there.toFixed(1)} there, on 2 cores: other work was running, measure again without it`,
    ]);
  });

  it('compares no rows of other sizes, whatever their names', () => {
    const here = manyRounds();
    const there = {
      ...here,
      rows: here.rows.map((row) =>
        row.suite === 'device' ? row : { ...row, shape: { ...row.shape, H: 4 } },
      ),
    };
    const { changes, unmatched } = compareResults(here, there);
    expect(changes.every(({ row }) => row.suite === 'device')).toBe(true);
    expect(unmatched[0]!.reason).toBe(
      'another shape: {"E":256,"H":8,"D":32,"layers":4} here, {"E":256,"H":4,"D":32,"layers":4} there',
    );
  });

  it('does not fail what the noise explains', () => {
    const wild = { noise: 0.9 } as const;
    const { changes } = compareResults(
      manyRounds({ ...wild, seed: 1 }),
      manyRounds({ ...wild, seed: 2 }),
      1.2,
    );
    expect(changes.filter(({ relative }) => relative && relative.median > 1.2).length).toBeGreaterThan(5);
    expect(changes.filter(({ fails }) => fails)).toEqual([]);
  });

  it('counts how many ratios between variants the runs agree about', () => {
    const { agreement } = compareResults(sampleResults({ seed: 1 }), sampleResults({ seed: 2 }));
    const results = sampleResults();
    const ratios = results.rows.filter(
      ({ baseline, control, suite }) =>
        baseline !== undefined && !control && (suite === 'attention' || suite === 'model'),
    );
    expect(agreement.pairs).toBe(ratios.length);
    expect(agreement.agree / agreement.pairs).toBeGreaterThan(0.9);
  });

  it('names rows that only one run has, and what else differs', () => {
    const here = manyRounds();
    const other = manyRounds();
    const there = {
      ...other,
      machine: { ...other.machine, cpu: 'Another CPU' },
      rows: other.rows
        .slice(1)
        .map((row, i) =>
          i === 0 ? { ...row, status: 'failed' as const, samples: [], summary: undefined! } : row,
        ),
    };
    const { unmatched, warnings } = compareResults(here, there);
    expect(unmatched).toEqual([
      { id: here.rows[0]!.id, reason: 'only in this run' },
      { id: here.rows[1]!.id, reason: 'failed there' },
    ]);
    expect(warnings).toEqual(['CPU: Made-up CPU here, Another CPU there']);
  });
});

describe('agreementOf', () => {
  const ratios = (seed: number, slowdown?: number) => {
    const results = sampleResults({ seed, noise: 0.2, ...(slowdown && { slowdown }) });
    return results.rows.map((row) => ratioToBaseline(results, row));
  };
  const pairs = (a: ReturnType<typeof ratios>, b: ReturnType<typeof ratios>) =>
    a.flatMap((ratio, i) => (ratio && b[i] ? [{ a: ratio, b: b[i] }] : []));

  it('is high between runs of the same, also when one machine was slower throughout', () => {
    const { pairs: all, agree, overlap, mutual } = agreementOf(pairs(ratios(1), ratios(2, 3)));
    expect(agree / all).toBeGreaterThan(0.9);
    expect(overlap).toBeGreaterThanOrEqual(agree);
    expect(agree).toBeGreaterThanOrEqual(mutual);
  });

  it('is low when the ratios differ', () => {
    const shifted = ratios(2).map(
      (ratio) => ratio && { ...ratio, median: ratio.median * 2, low: ratio.low * 2, high: ratio.high * 2 },
    );
    const { pairs: all, agree, overlap } = agreementOf(pairs(ratios(1), shifted));
    expect([agree / all, overlap / all].every((share) => share < 0.1)).toBe(true);
  });

  it('holds nothing against an interval from 0 to ∞, and tells one that lies at ∞ from the others', () => {
    const ratio = (low: number, median: number, high: number) => ({
      low,
      median,
      high,
      coverage: 0.95,
      n: 9,
    });
    const [some, open, endless] = [
      ratio(1, 1.5, 2),
      ratio(0, 1, Infinity),
      ratio(Infinity, Infinity, Infinity),
    ];
    expect(agreementOf([{ a: some, b: open }])).toMatchObject({ agree: 1, overlap: 1 });
    expect(agreementOf([{ a: endless, b: endless }])).toMatchObject({ agree: 1, overlap: 1, mutual: 1 });
    expect(agreementOf([{ a: some, b: endless }])).toMatchObject({ agree: 0, overlap: 0, mutual: 0 });
  });
});
