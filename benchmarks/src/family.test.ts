import { expect, it } from 'vitest';
import { comparedIn, familyOf, headlineContext } from './family.ts';
import { findingsNote, findingsOf } from './findings.ts';
import type { Results } from './results.ts';
import { differs } from './statistics.ts';
import { identicalJobs } from './testing/identical-jobs.ts';
import { sampleResults } from './testing/sample-results.ts';
import { ratioToBaseline } from './views.ts';

it('counts what sentences are picked from: variants by place, work by device', () => {
  const results = sampleResults();
  // 4 variants beside the baseline, 2 phases, 2 devices; 3 operations on the second device; no control, no context twice
  expect(familyOf(results)).toMatchObject({ count: 4 * 2 * 2 + 3, rounds: 10 });
  expect(familyOf(results).confidence).toBeCloseTo(1 - 0.05 / 19, 12);
  expect(findingsNote(results)).toContain('with 95 % all 19 are right at once');
  expect(familyOf({ rows: [] })).toEqual({ count: 1, confidence: 0.95, rounds: 6 });
});

it('says most about the longest context that has the rounds for it', () => {
  const results = sampleResults();
  const family = familyOf(results);
  expect(headlineContext(results, results.rows, family)).toBe(2048);
  const short = {
    ...results,
    rows: results.rows.map((row) =>
      row.context === 2048 ? { ...row, samples: row.samples.slice(0, 9) } : row,
    ),
  };
  expect(headlineContext(short, short.rows, family)).toBe(1024);
  expect(findingsOf(short)[1]).toMatch(/^Decode at 1k tokens on /);
  expect(headlineContext(results, [], family)).toBeUndefined();
});

it('calls something different in at most 5 of 100 runs in which nothing is', async () => {
  const runs = 100;
  const wrong = { corrected: 0, alone: 0, told: 0 };
  let fewest = Infinity;
  for (let seed = 1; seed <= runs; seed++) {
    const results = await identicalJobs(seed);
    const family = familyOf(results);
    expect(family.count).toBe(10 * 4 + 3);
    fewest = Math.min(fewest, ...results.rows.map(({ samples }) => samples.length));
    const all = comparedIn(
      results,
      results.rows.filter(({ control }) => !control),
      family,
    );
    if (all.some(({ ratio }) => differs(ratio, family.confidence))) wrong.corrected++;
    if (all.some(({ row }) => differs(ratioToBaseline(results, row)!))) wrong.alone++;
    if (told(results)) wrong.told++;
  }
  expect(fewest).toBeGreaterThanOrEqual(11); // enough to be wrong
  expect(wrong.alone).toBeGreaterThan(runs / 2); // what intervals of 95 % each would do
  expect(wrong.corrected).toBeLessThanOrEqual(0.05 * runs);
  expect(wrong.told).toBeLessThanOrEqual(wrong.corrected);
});

function told(results: Results): boolean {
  return findingsOf(results).some((finding) => /faster by|slower by/.test(finding));
}
