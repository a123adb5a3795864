import { preset } from '../tooling/tsup.preset.ts';

// no declarations: nobody installs this package, and inside the workspace its sources are its types
export default preset(['src/index.ts', 'src/report/index.ts', 'src/rasp/index.ts', 'src/cli.ts'], {
  format: ['esm'],
  platform: 'node',
  dts: false,
});
