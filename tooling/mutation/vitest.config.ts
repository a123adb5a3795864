import { defineConfig } from 'vitest/config';
import { sourceFirst } from '../../vitest.config.ts';

const name = process.env.HEADWISE_MUTATED;
if (!name) throw new Error('HEADWISE_MUTATED names the package whose tests run; pnpm mutation sets it');

/** The tests of one package alone: a mutant that only another package's tests notice is a gap in its own. */
export default defineConfig({
  ...sourceFirst,
  test: {
    include: [`packages/${name}/src/**/*.test.ts`],
    exclude: [
      '**/*.{browser,gpu}.test.ts',
      '**/*.dist.test.ts',
      '**/node_modules/**',
      // samples of a README run other packages; a file is saved two hundred times by processes of its own
      '**/readme.test.ts',
      'packages/kv-cache/src/file.test.ts',
      // more steps of what the kit tries in five hundred
      'packages/kv-cache/src/steps.test.ts',
    ],
    // Stryker ends what hangs, by what the tests took without a mutant
    testTimeout: 0,
    hookTimeout: 0,
  },
});
