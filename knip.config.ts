import type { KnipConfig } from 'knip';

/** What nothing imports: files and dependencies. Exports are another matter, packages are made of them. */
export default {
  include: ['files', 'dependencies', 'unlisted', 'unresolved'],
  treatConfigHintsAsErrors: false,
  workspaces: {
    '.': {
      entry: ['tooling/**/*.ts', 'docs/.vitepress/{config,theme/index}.ts'],
      project: ['tooling/**/*.ts', 'docs/.vitepress/**/*.ts'],
      // started by their path, a pnpm script or a plugin's name, which text does not show
      ignoreDependencies: [
        '@arethetypeswrong/cli',
        'publint',
        'turbo',
        'typedoc-plugin-markdown',
        'gpu.js',
        'preact',
      ],
    },
    'packages/*': {
      entry: ['src/cli.ts', 'src/**/*.test.ts', 'bench/**/*.{ts,mjs}', 'scripts/*.mjs'],
      project: ['src/**/*.ts'],
    },
    'apps/playground': {
      // the sandbox is built by a plugin of its own
      entry: [
        'src/**/*.test.ts',
        'src/testing/built-page.ts',
        'scripts/*.ts',
        'src/views/write/{no-vitest,sandbox.worker}.ts',
      ],
      project: ['src/**/*.{ts,tsx}'],
      // tests put axe into pages by its path; benchmarks, which runs in the page from its sources, imports them; the page's bundler finds them here
      ignoreDependencies: [/^@headwise\//, 'gpu.js', 'echarts', 'axe-core'],
    },
    benchmarks: {
      entry: ['src/cli.ts', 'src/**/*.test.ts', 'src/browser/page.ts'],
      project: ['src/**/*.ts'],
      // what models takes in a page
      ignoreDependencies: ['@headwise/sampling'],
    },
  },
} satisfies KnipConfig;
