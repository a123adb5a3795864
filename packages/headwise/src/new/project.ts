import { titleOf, variantSource, variantTest } from './variant-template.ts';

/**
 * The files of a small package with one variant of one's own and the kit wired up, by path. Never throws.
 *
 * @param version of the packages of Headwise that it is made for
 */
export function variantProject(name: string, version: string): Readonly<Record<string, string>> {
  const range = version.startsWith('0.0.') ? version : `^${version}`;
  const manifest = {
    name,
    version: '0.0.0',
    private: true,
    description: `${titleOf(name)}: an attention variant for Headwise.`,
    type: 'module',
    exports: `./src/${name}.ts`,
    scripts: {
      test: 'vitest run',
      bench: `headwise bench --variant ./src/${name}.ts --variants multi-head`,
      typecheck: 'tsc --noEmit',
    },
    dependencies: { '@headwise/attention-variants': range, '@headwise/tensor': range },
    devDependencies: {
      '@headwise/device-wasm': range,
      '@types/node': '^20.19.0',
      headwise: range,
      typescript: '^5.9.0',
      vitest: '^4.1.0',
    },
  };
  const tsconfig = {
    compilerOptions: {
      ...{
        target: 'ES2022',
        module: 'ESNext',
        moduleResolution: 'bundler',
        lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
      },
      ...{
        types: ['node'],
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        allowImportingTsExtensions: true,
      },
    },
    include: ['src'],
  };
  return {
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'tsconfig.json': `${JSON.stringify(tsconfig, null, 2)}\n`,
    [`src/${name}.ts`]: variantSource(name, '@headwise/attention-variants'),
    [`src/${name}.test.ts`]: variantTest(name, {
      kit: '@headwise/attention-variants/conformance',
      variant: `./${name}.ts`,
      golden: `../golden/${name}.json`,
    }),
    'README.md': `# ${name}

> What it saves or costs, in one sentence.

\`\`\`sh
npm install
npm test            # the conformance kit: it says what does not hold, and what is left to write
npm run bench       # what it costs beside multi-head attention, in bench-report/report.html; npm run bench -- --help
\`\`\`

The variant is \`src/${name}.ts\`. Values of another program go to \`golden/${name}.json\`. \`@headwise/device-wasm\` lets the kit
try the fast device too, \`npm install --ignore-scripts gpu.js\` those of gpu.js.
`,
    '.gitignore': 'node_modules/\nbench-report/\n',
  };
}
