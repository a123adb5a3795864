import { describe, expect, it } from 'vitest';
import { findingsOf } from './findings.ts';
import type { Results } from './results.ts';
import { sampleResults } from './testing/sample-results.ts';

const withRows = (results: Results, change: (row: Results['rows'][number]) => Results['rows'][number]) => ({
  ...results,
  rows: results.rows.map(change),
});

describe('findingsOf', () => {
  it('says what is kept, who is faster by how much, and that sharing does not save reading', () => {
    const [memory, decode, sharing, prefill] = findingsOf(sampleResults());
    expect(memory).toBe(
      'Memory at 2k tokens: of PLA’s KV bytes are kept by ONE 1/8, GRP 1/4, WIN 1/4, SHA 1/2. All 40 measured caches equal their formula to the byte.',
    );
    expect(decode).toMatch(
      /^Decode at 2k tokens on gpujs:webasm, against PLA: faster by WIN 2\.\d+× \[2\.\d+, 2\.\d+\], ONE /,
    );
    expect(sharing).toBe(
      'Sharing saves storage, not reading: with SHA 2 of 4 layers store, 1/2 of the baseline’s bytes, yet a step reads as much as the baseline, since every layer still reads the shared cache. Its projections are 1.00× as large.',
    );
    expect(prefill).toMatch(/^Prefill at 2k tokens on gpujs:webasm, against PLA: faster by WIN /);
  });

  it('calls nothing faster on three samples, whatever they are', () => {
    const few = withRows(sampleResults(), (row) => ({ ...row, samples: row.samples.slice(0, 3) }));
    const decode = findingsOf(few).find((finding) => finding.startsWith('Decode'));
    expect(decode).toBe(
      'Decode at 2k tokens on gpujs:webasm, against PLA: too few rounds to tell among 19 comparisons, which needs 10: ONE, GRP, WIN, SHA.',
    );
  });

  it('calls nothing faster in pure noise', () => {
    const base = sampleResults({ noise: 0.2 });
    const same = withRows(base, (row) => ({
      ...row,
      samples: row.samples.map(({ round, ms }) => ({ round, ms: (ms / row.summary!.median) * 10 })),
    }));
    const decode = findingsOf(same).find((finding) => finding.startsWith('Decode'));
    expect(decode).toContain('not told apart: ONE, GRP, WIN, SHA');
  });

  it('says when a counter does not agree with its formula', () => {
    const off = withRows(sampleResults(), (row) =>
      row.subject === 'grouped' && row.kv
        ? { ...row, kv: { ...row.kv, allocatedBytes: row.kv.allocatedBytes + 4 } }
        : row,
    );
    expect(findingsOf(off)[0]).toContain('8 of 40 measured caches differ from their formula.');
  });

  it('names what was not timed because it was wrong', () => {
    const red = withRows(sampleResults(), (row) => {
      if (row.subject !== 'grouped') return row;
      const { summary: _, ...rest } = row;
      return { ...rest, status: 'failed', reason: 'differs from the reference', samples: [] };
    });
    expect(findingsOf(red).at(-1)).toBe('Not timed because wrong or broken: GRP (16 rows; each says why).');
  });

  it('names what a device refuses, with its reason', () => {
    const refused = withRows(sampleResults(), (row) => {
      if (row.subject !== 'grouped' || row.phase !== 'decode') return row;
      const { summary: _, ...rest } = row;
      return { ...rest, status: 'unsupported', reason: 'no kernel for modifiers', samples: [] };
    });
    expect(findingsOf(refused).at(-1)).toBe(
      'Not measured because refused: GRP on gpujs:webasm and gpujs:webgl2 (emulated GPU) (no kernel for modifiers).',
    );
  });

  it('follows the data: a variant that is slower is called slower', () => {
    const slow = withRows(sampleResults(), (row) =>
      row.subject === 'one-head'
        ? { ...row, samples: row.samples.map(({ round, ms }) => ({ round, ms: 10 * ms })) }
        : row,
    );
    expect(findingsOf(slow)[1]).toMatch(/slower by ONE 8\.\d+× \[/);
  });
});
