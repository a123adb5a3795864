import { preset } from '../../tooling/tsup.preset.ts';

export default preset([
  'src/index.ts',
  'src/registry.ts',
  'src/conformance/index.ts',
  'src/encodings/*.ts',
  '!src/**/*.test.ts',
]);
