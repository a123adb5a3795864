import { expect, it } from 'vitest';
import { checkProducers, producers, sharingPatterns } from './cross-layer-patterns.ts';

/** Layers with keys and values of their own. */
const owners = (table: readonly number[]): number =>
  table.filter((producer, layer) => producer === layer).length;

it('puts the odd group at layer 0: CLA3 over 10 layers has producers 0, 1, 4, 7', () => {
  expect(producers('uniform', 10, 3)).toEqual([0, 1, 1, 1, 4, 4, 4, 7, 7, 7]);
});

it.each([
  ['uniform', 2, 10],
  ['uniform', 3, 7],
  ['uniform', 4, 5],
  ['keep-ends', 2, 11],
  ['dense-front', 2, 11],
  ['dense-back', 2, 11],
] as const)(
  'keeps as many layers of the paper’s 20 as its table 1 says: %s, factor %i',
  (pattern, factor, wanted) => {
    expect(owners(producers(pattern, 20, factor))).toBe(wanted);
  },
);

it('shares as the paper draws it', () => {
  expect(producers('keep-ends', 20, 2)).toEqual([
    0, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15, 17, 17, 19,
  ]);
  expect(producers('dense-front', 20, 2)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 19,
  ]);
  // the text says a run of 10, which would make 21 layers; the table says 11 layers with keys and values
  expect(producers('dense-back', 20, 2)).toEqual([
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 11, 12, 13, 14, 15, 16, 17, 18, 19,
  ]);
});

it('makes tables that hold, at every depth that fits', () => {
  for (const pattern of sharingPatterns) {
    for (let layers = 1; layers <= 24; layers++) {
      for (const factor of [1, 2, 3, 4]) {
        if (factor > layers || (pattern !== 'uniform' && (layers < 3 || (layers - 2) % factor !== 0)))
          continue;
        const table = producers(pattern, layers, factor);
        expect(() => checkProducers(table, layers)).not.toThrow();
        if (pattern === 'uniform') expect(owners(table)).toBe(Math.ceil(layers / factor));
        else expect(owners(table)).toBe((layers - 2) / factor + 2);
      }
    }
  }
});

it('refuses a depth that the pattern does not fit', () => {
  expect(() => producers('keep-ends', 7, 2)).toThrow(
    'cross-layer: pattern does not fit: 7 layers, less the two ends, are not groups of 2, got "keep-ends"',
  );
  expect(() => producers('dense-front', 2, 2)).toThrow('cross-layer: pattern does not fit');
  expect(() => producers('uniform', 4, 5)).toThrow(
    'cross-layer: factor must be at most the 4 layers of the model, got 5',
  );
  expect(() => producers('uniform', 4, 0)).toThrow('cross-layer: factor must be a whole number ≥ 1, got 0');
  expect(() => producers('sparse' as 'uniform', 4, 2)).toThrow(
    'cross-layer: pattern must be uniform or keep-ends or dense-front or dense-back, got "sparse"',
  );
});
