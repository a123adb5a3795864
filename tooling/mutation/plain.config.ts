import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { sourceFirst } from '../../vitest.config.ts';

const { HEADWISE_MUTATED: name, HEADWISE_TESTS: tests, HEADWISE_REACHED: reached } = process.env;
if (!name || !tests) throw new Error('HEADWISE_MUTATED and HEADWISE_TESTS say what runs; plain.ts sets them');
const order: readonly string[] = JSON.parse(tests);

/** In the order they are given, the nearest to a change first. */
class Given extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number =>
      order.findIndex((test) => moduleId.endsWith(`/packages/${name}/src/${test}`));
    return [...files].sort((a, b) => place(a) - place(b));
  }
}

/** Some tests of one package, one file after the other. */
export default defineConfig({
  ...sourceFirst,
  test: {
    include: order.map((test) => `packages/${name}/src/${test}`),
    maxWorkers: 1,
    // what runs when a module is loaded is to be seen by each file that loads it
    isolate: reached !== undefined,
    ...(reached && { setupFiles: ['tooling/mutation/reached.ts'] }),
    sequence: { sequencer: Given },
    env: { HEADWISE_DEVICES: 'reference,gpujs:cpu,gpujs:webasm' },
    // plain.ts ends what hangs
    testTimeout: 0,
    hookTimeout: 0,
  },
});
