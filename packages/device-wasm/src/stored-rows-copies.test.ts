import { type RowFormat, rowFormats, zeros, zerosIn } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { createWasmWith } from './device.ts';

/** What a row keeps that is not finite, as it was asked for when it was stored. */
const values = (width: number): Float32Array => {
  const rows = Float32Array.from({ length: 3 * width }, (_, i) => (i % 7) - 3);
  rows[width + 5] = Infinity;
  rows[width + 6] = Number.NaN;
  return rows;
};

it.each(rowFormats)(
  'a copy of rows in %s reads what its source reads, finite or not',
  async (format: RowFormat) => {
    for (const width of [32, 48]) {
      const device = await createWasmWith({ threads: 1 });
      const source = zerosIn(device, [3, width], format);
      source.write(0, values(width));
      const want = await source.data();
      expect(Number.isNaN(want[width + 6])).toBe(true);
      // rows of one form are copied as they are, and a copy of a copy too
      const copy = zerosIn(device, [3, width], format);
      copy.write(0, source);
      const again = zerosIn(device, [3, width], format);
      again.write(0, copy);
      const plain = zeros(device, [3, width]);
      plain.write(0, again);
      for (const kept of [copy, again, plain]) expect(await kept.data()).toEqual(want);
      device.dispose();
    }
  },
);
