import { preset } from '../../tooling/tsup.preset.ts';

export default preset([
  'src/index.ts',
  'src/registry.ts',
  'src/file.ts',
  'src/conformance/index.ts',
  'src/caches/*.ts',
  '!src/**/*.test.ts',
]);
