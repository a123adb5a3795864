import { createPositions, createReference } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/learned.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { learned } from './learned.ts';

checkEncoding(learned, { golden });

const device = createReference();
const table = seeded<'N E'>(device, [4, 2], 1);
const x = seeded<'B L E'>(device, [1, 2, 2], 2);
const at = (...positions: number[]) => createPositions(device, [positions]);

it('refuses a position past its table', async () => {
  expect(() => learned({ table }).encode(x, at(3, 4))).toThrow(
    'learned: position lies past the table, which has rows for positions 0 to 3 (N = 4); a learned table cannot be extended, got 4',
  );
  expect(() => learned({ table, offset: 2 }).encode(x, at(1, 2))).toThrow(
    'learned: position lies past the table, which has rows for positions 0 to 1 (N = 4, offset 2); a learned table cannot be extended, got 2',
  );
  await expect(learned({ table }).rows(2, [4])).rejects.toThrow('learned: position lies past the table');
});

it('refuses widths that differ', async () => {
  expect(() => learned({ table }).encode(seeded(device, [1, 2, 6], 1), at(0, 1))).toThrow(
    'learned: axis E has two sizes: x says 6, table says 2',
  );
  await expect(learned({ table }).rows(6, [0])).rejects.toThrow(
    'learned: E must be 2, the width of the table, got 6',
  );
  expect(() => learned({ table, offset: -1 })).toThrow('learned: offset must be a whole number ≥ 0, got -1');
});
