import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RotaryEncoding } from '../contract.ts';
import { convertRotaryLayout } from '../rotary-layout.ts';
import { inverseFrequencies } from '../rotation.ts';
import { alibiMatrix, alibiSlopes } from './alibi.ts';
import { dynamicNtk } from './dynamic-ntk.ts';
import { linear } from './linear.ts';
import { llama3 } from './llama3.ts';
import { longrope } from './longrope.ts';
import { ntkAware } from './ntk-aware.ts';
import { proportional } from './proportional.ts';
import { rotary } from './rotary.ts';
import { sinusoidalTable } from './sinusoidal.ts';
import { t5Buckets } from './t5.ts';
import { xpos } from './xpos.ts';
import { yarn } from './yarn.ts';

const run = { seed: 14, numRuns: 150 };
const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const base = number(2, 1e8);
const factor = number(1, 64);
const originalLength = fc.integer({ min: 64, max: 16_384 });

interface Made {
  readonly encoding: RotaryEncoding;
  readonly D: number;
  readonly base: number;
  /** How far a frequency may be slowed at most. */
  readonly slowest: number;
}

const width = fc.integer({ min: 2, max: 48 }).map((pairs) => 2 * pairs);

/** A rotation of each kind, whose angles do not follow the length. */
const rotation: fc.Arbitrary<Made> = fc
  .tuple(width, base, factor, originalLength, fc.integer({ min: 0, max: 6 }))
  .map(([D, base, factor, originalLength, kind]): Made => {
    const made = (encoding: RotaryEncoding, slowest: number) => ({ encoding, D, base, slowest });
    const pairs = Array.from({ length: D / 2 }, (_, i) => 1 + (i * (factor - 1)) / D);
    switch (kind) {
      case 0:
        return made(rotary({ base }), 1);
      case 1:
        return made(linear({ base, factor }), factor);
      case 2:
        return made(ntkAware({ base, factor }), factor);
      case 3:
        return made(yarn({ base, factor, originalLength }), factor);
      case 4:
        return made(llama3({ base, factor, originalLength }), factor);
      case 5:
        return made(
          longrope({ base, shortFactors: pairs, longFactors: pairs, originalLength, length: 1 }),
          factor,
        );
      default:
        return made(dynamicNtk({ base, factor, originalLength, length: 2 * originalLength }), 2 * factor);
    }
  });

const position = fc.integer({ min: 0, max: 4096 });

describe('a rotation, whatever its options', () => {
  it('turns by the difference of two positions, and by nothing else', () => {
    fc.assert(
      fc.property(rotation, position, position, ({ encoding, D }, m, n) => {
        const { cos, sin, shape } = encoding.tables(D, [m, n, Math.abs(m - n)]);
        const { attentionFactor: a } = encoding.spectrum(D);
        for (let i = 0; i < shape[1]; i++) {
          const [at, to, by] = [i, shape[1] + i, 2 * shape[1] + i];
          expect(cos[at]! * cos[to]! + sin[at]! * sin[to]!).toBeCloseTo(a * cos[by]!, 7);
          expect(cos[at]! ** 2 + sin[at]! ** 2).toBeCloseTo(a ** 2, 9);
        }
      }),
      run,
    );
  });

  it('has frequencies that fall, none faster than the plain ones or slowed by more than its factor', () => {
    fc.assert(
      fc.property(rotation, ({ encoding, D, base, slowest }) => {
        const f = encoding.spectrum(D).inverseFrequencies;
        const plain = inverseFrequencies(base, D);
        f.forEach((x, i) => {
          expect(x).toBeLessThanOrEqual(plain[i]! * (1 + 1e-12));
          expect(x).toBeGreaterThanOrEqual((plain[i]! / slowest) * (1 - 1e-9));
          if (i > 0) expect(x).toBeLessThanOrEqual(f[i - 1]! * (1 + 1e-12));
        });
      }),
      run,
    );
  });

  it('is the plain one with a factor of 1', () => {
    fc.assert(
      fc.property(width, base, originalLength, (D, base, originalLength) => {
        const plain = [...inverseFrequencies(base, D)];
        const same = [
          linear({ base, factor: 1 }),
          ntkAware({ base, factor: 1 }),
          yarn({ base, factor: 1, originalLength }),
          llama3({ base, factor: 1, originalLength }),
          dynamicNtk({ base, factor: 1, originalLength, length: originalLength }),
          proportional({ base }),
        ];
        for (const encoding of same) {
          const { inverseFrequencies: f, attentionFactor } = encoding.spectrum(D);
          expect(attentionFactor).toBe(1);
          f.forEach((x, i) => {
            expect(Math.abs(x / plain[i]! - 1), encoding.name).toBeLessThan(1e-12);
          });
        }
      }),
      run,
    );
  });

  it('of a share of a head is that of a narrower head', () => {
    fc.assert(
      fc.property(width, fc.integer({ min: 2, max: 24 }), base, factor, (D, pairs, base, factor) => {
        fc.pre(2 * pairs <= D);
        const whole = linear({ base, factor }).spectrum(2 * pairs);
        expect(linear({ base, factor, width: 2 * pairs }).spectrum(D)).toEqual(whole);
      }),
      run,
    );
  });

  it('of xPos stretches a score by the difference alone', () => {
    fc.assert(
      fc.property(width, position, position, fc.integer({ min: 0, max: 512 }), (D, m, n, shift) => {
        const size = (side: 'q' | 'k', p: number): number[] => {
          const { cos, sin } = xpos({}).tables(D, [p], { side });
          return [...cos].map((c, i) => Math.hypot(c, sin[i]!));
        };
        const scores = (a: number, b: number) => size('q', a).map((x, i) => x * size('k', b)[i]!);
        const moved = scores(m + shift, n + shift);
        scores(m, n).forEach((s, i) => {
          expect(Math.abs(moved[i]! / s - 1)).toBeLessThan(1e-9);
        });
      }),
      run,
    );
  });
});

describe('the layouts', () => {
  it('are turned into each other and back without a loss', () => {
    const shape = fc.record({
      heads: fc.integer({ min: 1, max: 4 }),
      D: fc.integer({ min: 1, max: 12 }).map((pairs) => 2 * pairs),
      E: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(shape, fc.integer({ min: 1, max: 12 }), ({ heads, D, E }, pairs) => {
        const width = Math.min(D, 2 * pairs);
        const weight = Float32Array.from({ length: heads * D * E }, (_, n) => n);
        const there = convertRotaryLayout(weight, { heads, D, width, to: 'half' });
        expect(convertRotaryLayout(there, { heads, D, width, to: 'interleaved' })).toEqual(weight);
        expect([...there].sort((a, b) => a - b)).toEqual([...weight]);
      }),
      run,
    );
  });
});

describe('what is added', () => {
  it('sinusoidal: the product of two rows is of their distance alone', () => {
    fc.assert(
      fc.property(width, position, position, position, (E, m, n, shift) => {
        const rows = sinusoidalTable(E, [m, n, m + shift, n + shift]);
        const dot = (a: number, b: number): number => {
          let sum = 0;
          for (let e = 0; e < E; e++) sum += rows[a * E + e]! * rows[b * E + e]!;
          return sum;
        };
        expect(dot(2, 3)).toBeCloseTo(dot(0, 1), 7);
      }),
      run,
    );
  });

  it('ALiBi: a slope in (0, 1) a head, no two alike, and a matrix of distances', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 96 }),
        position,
        fc.integer({ min: 1, max: 6 }),
        (H, offset, L) => {
          const slopes = alibiSlopes(H);
          expect(new Set(slopes).size).toBe(H);
          expect(slopes.every((slope) => slope > 0 && slope < 1)).toBe(true);
          const matrix = alibiMatrix(slopes, L, L + offset, offset);
          // a query's own key costs nothing, and its neighbour one slope
          for (let i = 0; i < L; i++) expect(matrix[i * (L + offset) + offset + i]).toBe(-0);
          if (offset > 0) expect(matrix[offset - 1]).toBe(-slopes[0]!);
        },
      ),
      run,
    );
  });

  it('T5: a bucket never falls with the distance, and both directions have their own', () => {
    const options = fc.record({
      buckets: fc.integer({ min: 2, max: 32 }).map((n) => 2 * n),
      maxDistance: fc.integer({ min: 33, max: 512 }),
    });
    fc.assert(
      fc.property(options, fc.integer({ min: 0, max: 600 }), ({ buckets, maxDistance }, offset) => {
        const back = t5Buckets({ Lq: 1, Lk: offset + 1, offset }, buckets, { maxDistance });
        expect(back.every((bucket, j) => j === 0 || bucket <= back[j - 1]!)).toBe(true);
        expect(back.at(-1)).toBe(0);
        expect(Math.max(...back)).toBeLessThan(buckets);
        const both = { maxDistance, bidirectional: true };
        const left = t5Buckets({ Lq: 1, Lk: offset + 1, offset }, buckets, both);
        const right = t5Buckets({ Lq: 1, Lk: offset + 1 }, buckets, both);
        const beyond = left.map((bucket) => bucket + buckets / 2).reverse();
        expect(right.subarray(1)).toEqual(beyond.subarray(1));
      }),
      run,
    );
  });
});
