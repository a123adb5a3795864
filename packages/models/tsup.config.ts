import { preset } from '../../tooling/tsup.preset.ts';

export default preset([
  'src/index.ts',
  'src/node.ts',
  'src/registry.ts',
  'src/conformance/index.ts',
  'src/families/*.ts',
  '!src/**/*.test.ts',
]);
