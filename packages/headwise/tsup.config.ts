import { cpSync } from 'node:fs';
import { thirdParty } from '../../tooling/third-party.ts';
import { preset } from '../../tooling/tsup.preset.ts';

const declarations = process.argv.includes('--dts-only');

const sources = { index: 'src/index.ts', templates: 'src/templates.ts' };
/** What `headwise bench --browser` opens. */
const page = '../../benchmarks/dist/browser';

export default preset([], {
  entry: declarations ? sources : { ...sources, cli: 'src/cli.ts', 'browser/page': `${page}/page.js` },
  format: ['esm'],
  platform: 'node',
  banner: {},
  // a command shows no stack, and a megabyte of what it carries is others' code
  sourcemap: false,
  // found in the project of the person who asks for them
  external: ['vite', 'playwright', 'virtual:outside-variants'],
  // the suite is private: what the command line needs of it, and of its drawing library, is carried
  noExternal: ['benchmarks'],
  esbuildPlugins: [thirdParty('dist/THIRD-PARTY.txt')],
  onSuccess: async () => {
    if (!declarations) cpSync(`${page}/index.html`, 'dist/browser/index.html');
  },
});
