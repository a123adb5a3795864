import { preset } from '../../tooling/tsup.preset.ts';

export default preset(['src/index.ts', 'src/cli.ts', 'src/templates.ts'], {
  format: ['esm'],
  platform: 'node',
  banner: {},
});
