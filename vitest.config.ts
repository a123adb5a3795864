import { existsSync, realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

const chromium = process.env.CHROME_PATH ?? '/usr/bin/chromium';

// ends what hangs, and nothing else: a machine that is busy with other work is many times slower
const HANGS_MS = 1_800_000;
const patience = {
  testTimeout: HANGS_MS,
  hookTimeout: HANGS_MS,
  expect: { poll: { timeout: HANGS_MS } },
};

// the default is one less than there are cores: on two it would leave one idle
const maxWorkers = Math.max(2, availableParallelism() - 1);

// SwiftShader stands in for a GPU: WebGL2 and WebGPU run everywhere, at the speed of a CPU
const softwareGpu = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--use-angle=swiftshader',
  '--use-gl=angle',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-webgpu-adapter=swiftshader',
];

/** Devices that the kits must find: one that was there and is gone fails the tests. wasm is handed over where it is tested. */
const expected = (names: string) => ({ HEADWISE_DEVICES: process.env.HEADWISE_DEVICES ?? names });

export const sourceFirst = {
  resolve: { conditions: ['@headwise/source'] },
  ssr: { resolve: { conditions: ['@headwise/source'] } },
};

/** Tests in a page, isolated as threads want it. Those of a software GPU alone have a name of their own. */
const inChromium = (name: 'browser' | 'gpu'): TestProjectConfiguration => ({
  ...sourceFirst,
  server: {
    // conformance data may lie beside the repository
    fs: { allow: ['.', existsSync('../shared') ? realpathSync('../shared') : '.'] },
    headers: {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    },
  },
  test: {
    name,
    maxWorkers,
    env: expected('reference,gpujs:cpu,gpujs:webasm,gpujs:webgl2,gpujs:webgpu'),
    include: [`{packages,apps,benchmarks}/**/src/**/*.${name}.test.ts`],
    ...patience,
    browser: {
      enabled: true,
      connectTimeout: HANGS_MS,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          args: softwareGpu,
          timeout: HANGS_MS,
          ...(existsSync(chromium) && { executablePath: chromium }),
        },
      }),
      instances: [{ browser: 'chromium' }],
    },
  },
});

export default defineConfig({
  test: {
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['**/*.kernel.ts', '**/*.test.ts'],
    },
    projects: [
      {
        ...sourceFirst,
        test: {
          name: 'node',
          maxWorkers,
          // modules are read once by each of two processes: files that change one for others must put it back
          isolate: false,
          env: expected('reference,gpujs:cpu,gpujs:webasm'),
          include: [
            '{packages,apps}/*/src/**/*.test.ts',
            'benchmarks/src/**/*.test.ts',
            'tooling/**/*.test.ts',
          ],
          exclude: [
            '**/*.{browser,gpu}.test.ts',
            '**/*.dist.test.ts',
            'tooling/consumers/**',
            '**/node_modules/**',
          ],
          ...patience,
        },
      },
      {
        // what people install: the built files, through their exports, as ESM and CommonJS
        test: {
          name: 'dist',
          maxWorkers,
          include: ['packages/*/src/**/*.dist.test.ts', 'tooling/**/*.dist.test.ts'],
          ...patience,
        },
      },
      {
        // the playground as it is published, built once and opened in Chromium
        test: {
          name: 'pages',
          maxWorkers,
          globalSetup: 'apps/playground/src/testing/built-page.ts',
          include: ['apps/*/src/**/*.dist.test.ts'],
          ...patience,
        },
      },
      {
        // tarballs in fresh projects: minutes, so a command of their own
        test: { name: 'consumers', include: ['tooling/consumers/*.test.ts'], ...patience },
      },
      inChromium('browser'),
      // every operation, variant, cache and published case on software GPUs: minutes, so a job of its own
      inChromium('gpu'),
    ],
  },
});
