import { preset } from '../../tooling/tsup.preset.ts';

export default preset([
  'src/index.ts',
  'src/registry.ts',
  'src/build.ts',
  'src/wiring-entry.ts',
  'src/conformance/index.ts',
  'src/variants/*.ts',
  '!src/**/*.test.ts',
]);
