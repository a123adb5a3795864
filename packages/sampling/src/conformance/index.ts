import { describe, it } from 'vitest';
import type { Choice, Filter } from '../contract.ts';
import { type LawOptions, laws } from './laws.ts';

export type { Law, LawOptions } from './laws.ts';
export { laws } from './laws.ts';

/** Options of {@link checkSampler}. */
export interface CheckOptions extends LawOptions {
  /** Laws that do not hold for this rule, each with the reason, which the report prints. */
  readonly except?: Readonly<Record<string, string>>;
}

/**
 * Checks a filter or a choice against what every rule has to obey. Call it in a test file; it makes one vitest
 * test for each law.
 *
 * @example
 * checkSampler(() => topK(5));
 * checkSampler(() => epsilon(0.1, { minTokensToKeep: 3 }), { minTokensToKeep: 3 });
 *
 * @param create makes the rule anew, so that no state is carried from law to law.
 * @throws {Error} if `except` names a law that there is not, and what `create` throws.
 */
export function checkSampler(create: () => Filter | Choice, options: CheckOptions = {}): void {
  const { except = {}, ...rest } = options;
  for (const name of Object.keys(except)) {
    if (!laws.some((law) => law.name === name)) {
      throw new Error(
        `checkSampler: there is no law ${JSON.stringify(name)}; laws are ${laws.map((l) => l.name).join(', ')}`,
      );
    }
  }
  describe(`laws of ${create().name}`, () => {
    for (const law of laws) {
      const reason = except[law.name];
      if (reason === undefined) it(law.name, () => law.check(create, rest));
      else it(`${law.name}: does not hold, ${reason}`, () => {});
    }
  });
}
