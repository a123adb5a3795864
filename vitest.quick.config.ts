import { defineConfig, mergeConfig } from 'vitest/config';
import whole from './vitest.config.ts';

/**
 * `npm run test:node`, for while one works: without the tests that have gpu.js in their name, whose compiling is half
 * the time of most packages. `npm test` runs all.
 */
export default mergeConfig(whole, defineConfig({ test: { testNamePattern: /^(?!.*gpujs:)/ } }));
