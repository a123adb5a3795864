import { describe, expect, it } from 'vitest';
import { agreementOf, compareResults } from './compare.ts';
import { sampleResults } from './testing/sample-results.ts';
import { ratioToBaseline } from './views.ts';

describe('compareResults', () => {
  it('finds nothing to blame between two runs of the same', () => {
    const { changes, unmatched, warnings } = compareResults(
      sampleResults({ seed: 1 }),
      sampleResults({ seed: 2 }),
      1.2,
    );
    expect(changes).toHaveLength(sampleResults().rows.length);
    expect(changes.filter(({ fails }) => fails)).toEqual([]);
    expect(changes.filter(({ verdict }) => verdict === 'undecided').length).toBeGreaterThan(
      0.9 * changes.length,
    );
    expect([unmatched, warnings]).toEqual([[], []]);
  });

  it('fails every row that is slower by more than the bound', () => {
    const slow = sampleResults({ seed: 1, slowdown: 1.4 });
    const { changes } = compareResults(slow, sampleResults({ seed: 2 }), 1.2);
    expect(changes.every(({ fails, verdict }) => fails && verdict === 'slower')).toBe(true);
    expect(changes.every(({ ratio }) => ratio.low < 1.4 && 1.4 < ratio.high)).toBe(true);
  });

  it('lets a row that is slower by less than the bound pass, and calls it slower', () => {
    const slow = sampleResults({ seed: 1, slowdown: 1.1, noise: 0.02 });
    const { changes } = compareResults(slow, sampleResults({ seed: 2, noise: 0.02 }), 1.2);
    expect(changes.some(({ verdict }) => verdict === 'slower')).toBe(true);
    expect(changes.filter(({ fails }) => fails)).toEqual([]);
  });

  it('does not fail what the noise explains', () => {
    const wild = { noise: 0.9 } as const;
    const { changes } = compareResults(
      sampleResults({ ...wild, seed: 1, slowdown: 1.25 }),
      sampleResults({ ...wild, seed: 2 }),
      1.2,
    );
    const failed = changes.filter(({ fails }) => fails).length;
    expect(changes.filter(({ ratio }) => ratio.median > 1.2).length).toBeGreaterThan(5 * Math.max(1, failed));
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
    const here = sampleResults();
    const other = sampleResults();
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
});
