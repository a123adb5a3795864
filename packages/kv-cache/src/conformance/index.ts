import { createReference } from '@headwise/tensor';
import { describe, it } from 'vitest';
import { type LawName, laws } from './laws.ts';
import type { CacheSubject } from './subject.ts';

export type { Law } from './law.ts';
export { type LawName, laws } from './laws.ts';
export { type CacheSubject, plainSpec, type RecallCall, type Recalled } from './subject.ts';
export { type Columns, createTwin, LawError, padded, Twin } from './twin.ts';

/**
 * Registers the laws of caches as tests, for the caches of this package and for those of people elsewhere. Never throws.
 * A law that does not hold fails its test.
 *
 * @example
 * checkCache('mine', { create: (options) => createMine({ ...options, bits: 2 }), bound: 0.2 });
 *
 * @param except laws that do not apply, each with the reason, which the report prints
 */
export function checkCache(
  name: string,
  subject: CacheSubject,
  except: Readonly<Partial<Record<LawName, string>>> = {},
): void {
  describe(`${name} cache`, () => {
    for (const [law, check] of Object.entries(laws)) {
      const reason = except[law as LawName];
      if (reason) {
        it.skip(`${law} (does not apply: ${reason})`);
        continue;
      }
      it(law, async () => {
        const device = await (subject.device ?? (async () => createReference()))();
        try {
          await check(subject, device);
        } finally {
          device.dispose();
        }
      });
    }
  });
}
