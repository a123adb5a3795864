import { createDevice } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import bounds from '../../golden/largest-errors.json' with { type: 'json' };
import type { Family } from '../family.ts';
import { errorOf, goldenDevices, goldenOutputs, headsOf } from './golden-outputs.ts';
import { tinyFolder } from './shared.ts';

/** By family and folder. */
type Bounds = Readonly<Record<string, Readonly<Record<string, number>> | undefined>>;

/**
 * Compares a family with golden checkpoints that transformers made, of this package's own (`golden/tiny/<name>`) or beside
 * the repository (`conformance/models/tiny/<name>`), within their tolerance and within the largest error that the README states.
 *
 * @param folders names, or several where a family has several
 */
export function checkFamily(family: Family, ...folders: readonly string[]): void {
  describe.each(folders)('%s, as transformers computes it', (name) => {
    const folder = tinyFolder(name);
    const cases = goldenDevices.flatMap((device) =>
      (folder ? headsOf(folder) : ['']).map((head) => ({ device, head })),
    );
    it.skipIf(!folder).each(cases)('$head on $device', async ({ device, head }) => {
      let count = 0;
      const bound = (bounds as Bounds)[family.name]?.[name] ?? NaN;
      const opened = await createDevice(device);
      for await (const output of goldenOutputs(family, folder!, { head, device: opened })) {
        const { name: what, got, want, tolerance } = output;
        count += 1;
        if (tolerance.atol === 0) expect(Array.from(got), what).toEqual(Array.from(want));
        else expect(() => assertClose(got, want, tolerance), what).not.toThrow();
        expect(errorOf(output), `${what}: run tooling/families-table.ts`).toBeLessThanOrEqual(bound);
      }
      expect(count).toBeGreaterThan(4);
    });
  });
}
