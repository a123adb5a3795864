import { createPositions, createReference, type Positions } from '@headwise/tensor';
import { expect, it } from 'vitest';
import type { GoldenFile } from './golden.ts';
import { type EncodingMaker, findFaults } from './index.ts';
import type { Law } from './law.ts';

/** Wrong encodings by what is wrong with them, each under the golden cases of the right one. */
export type Planted = Readonly<Record<string, readonly [EncodingMaker, GoldenFile]>>;

/** Registers tests: the kit finds each planted fault, and each of its laws finds one. */
export function checkFaults(planted: Planted, laws: readonly Law<never>[]): void {
  const broken = new Set<string>();
  it.each(Object.entries(planted))('finds one that %s', async (_, [create, golden]) => {
    const faults = await findFaults(create, golden, createReference());
    expect(faults).not.toEqual([]);
    for (const fault of faults) broken.add(fault.split(': ')[0]!);
  });
  it('has no law that finds none of them', () => {
    expect(laws.map(({ name }) => name).filter((name) => !broken.has(name))).toEqual([]);
  });
}

/** Other positions, one by one. */
export const mapPositions = (
  { tensor: { device }, host, shape: [B, L] }: Positions,
  map: (p: number, n: number) => number,
) =>
  createPositions(
    device,
    Array.from({ length: B }, (_, b) =>
      [...host.subarray(b * L, (b + 1) * L)].map((p, l) => map(p, b * L + l)),
    ),
  );

/** The positions of the first sequence, for all. */
export const firstRow = ({ tensor: { device }, host, shape: [B, L] }: Positions) =>
  createPositions(
    device,
    Array.from({ length: B }, () => [...host.subarray(0, L)]),
  );
