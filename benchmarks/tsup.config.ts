import { readFileSync, writeFileSync } from 'node:fs';
import { preset } from '../tooling/tsup.preset.ts';

// no declarations: nobody installs this package, and inside the workspace its sources are its types.
// `headwise bench` is `node/main`, which the command line carries together with the page of `--browser`
const entry = [
  'src/index.ts',
  'src/report/index.ts',
  'src/rasp/index.ts',
  'src/cli.ts',
  'src/node/main.ts',
  'src/browser/page.ts',
];
export default preset(entry, {
  format: ['esm'],
  platform: 'node',
  dts: false,
  sourcemap: false,
  external: ['virtual:outside-variants'],
  onSuccess: async () => {
    const page = readFileSync('src/browser/index.html', 'utf8');
    writeFileSync('dist/browser/index.html', page.replace('./page.ts', './page.js'));
  },
});
